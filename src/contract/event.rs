//! What can happen to a resource, and who may know of it.
use poem_openapi::Enum;
use serde::Serialize;
use uuid::Uuid;

use super::{
    answer::Resource,
    caller::{Principal, Role},
};
use crate::ports::events::Told;

macro_rules! events {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal in $topic:ident;)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
        pub enum EventType {$(
            $(#[doc = $doc])*
            #[oai(rename = $text)]
            #[serde(rename = $text)]
            $name,
        )*}

        impl EventType {
            pub const ALL: &'static [EventType] = &[$(EventType::$name),*];

            pub fn as_str(self) -> &'static str {
                match self {$(EventType::$name => $text,)*}
            }

            pub fn topic(self) -> Topic {
                match self {$(EventType::$name => Topic::$topic,)*}
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self {$(EventType::$name => concat!($($doc),*).trim(),)*}
            }
        }
    };
}

macro_rules! topics {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal, $scope:literal;)*) => {
        /// What events are about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
        #[oai(rename_all = "lowercase")]
        #[serde(rename_all = "lowercase")]
        pub enum Topic {$(
            $(#[doc = $doc])*
            $name,
        )*}

        impl Topic {
            pub const ALL: &'static [Topic] = &[$(Topic::$name),*];

            /// What a key needs to be told of what not everybody may know.
            pub fn scope(self) -> &'static str {
                match self {$(Topic::$name => $scope,)*}
            }

            /// On the wire.
            pub fn as_str(self) -> &'static str {
                match self {$(Topic::$name => $text,)*}
            }
        }
    };
}

topics! {
    /// Where people talk.
    Channels = "channels", "channels:read";
    /// What readers say.
    Comments = "comments", "comments:read";
    /// Who is billed.
    Customers = "customers", "customers:read";
    /// Pages of documentation.
    Documents = "documents", "docs:read";
    /// What customers owe.
    Invoices = "invoices", "invoices:read";
    /// Pictures.
    Media = "media", "media:read";
    /// What is said in channels.
    Messages = "messages", "messages:read";
    /// Articles.
    Posts = "posts", "posts:read";
    /// What currencies are worth.
    Rates = "rates", "rates:read";
    /// Paths that lead elsewhere.
    Redirects = "redirects", "redirects:read";
    /// What months brought in.
    Revenues = "revenues", "revenues:read";
    /// What posts are about.
    Tags = "tags", "tags:read";
    /// Accounts.
    Users = "users", "users:read";
}

events! {
    /// There is a new channel.
    ChannelCreated = "channel.created" in Channels;
    /// A channel has changed, or others can read it now.
    ChannelUpdated = "channel.updated" in Channels;
    /// A channel is gone, with all its messages.
    ChannelDeleted = "channel.deleted" in Channels;
    /// A comment was written.
    CommentCreated = "comment.created" in Comments;
    /// A comment says something else, or others can see it now.
    CommentUpdated = "comment.updated" in Comments;
    /// A comment is gone.
    CommentDeleted = "comment.deleted" in Comments;
    /// There is a new customer.
    CustomerCreated = "customer.created" in Customers;
    /// A customer has changed.
    CustomerUpdated = "customer.updated" in Customers;
    /// A customer is gone.
    CustomerDeleted = "customer.deleted" in Customers;
    /// A document was written.
    DocumentCreated = "document.created" in Documents;
    /// A document has changed.
    DocumentUpdated = "document.updated" in Documents;
    /// A document is gone.
    DocumentDeleted = "document.deleted" in Documents;
    /// A document is back from the trash.
    DocumentRestored = "document.restored" in Documents;
    /// There is a new invoice.
    InvoiceCreated = "invoice.created" in Invoices;
    /// An invoice has changed, but for being paid or void.
    InvoiceUpdated = "invoice.updated" in Invoices;
    /// An invoice is paid.
    InvoicePaid = "invoice.paid" in Invoices;
    /// An invoice is void.
    InvoiceVoided = "invoice.voided" in Invoices;
    /// An invoice is gone.
    InvoiceDeleted = "invoice.deleted" in Invoices;
    /// There is a new picture.
    MediaCreated = "media.created" in Media;
    /// What is said of a picture has changed.
    MediaUpdated = "media.updated" in Media;
    /// A picture is gone.
    MediaDeleted = "media.deleted" in Media;
    /// Something was said in a channel.
    MessageCreated = "message.created" in Messages;
    /// A message says something else.
    MessageUpdated = "message.updated" in Messages;
    /// A message is gone.
    MessageDeleted = "message.deleted" in Messages;
    /// A draft was written.
    PostCreated = "post.created" in Posts;
    /// A post has changed.
    PostUpdated = "post.updated" in Posts;
    /// Everybody can read a post from now on.
    PostPublished = "post.published" in Posts;
    /// A post is a draft again.
    PostUnpublished = "post.unpublished" in Posts;
    /// A post is gone.
    PostDeleted = "post.deleted" in Posts;
    /// A post is back from the trash.
    PostRestored = "post.restored" in Posts;
    /// New rates were told.
    RatesUpdated = "rates.updated" in Rates;
    /// There is a new rule.
    RedirectCreated = "redirect.created" in Redirects;
    /// A rule has changed.
    RedirectUpdated = "redirect.updated" in Redirects;
    /// Many rules were written at once.
    RedirectsImported = "redirects.imported" in Redirects;
    /// A rule is gone.
    RedirectDeleted = "redirect.deleted" in Redirects;
    /// What a month brought in was written.
    RevenueUpdated = "revenue.updated" in Revenues;
    /// What was written of a month is gone.
    RevenueDeleted = "revenue.deleted" in Revenues;
    /// A tag is new.
    TagCreated = "tag.created" in Tags;
    /// A tag has changed.
    TagUpdated = "tag.updated" in Tags;
    /// A tag is gone.
    TagDeleted = "tag.deleted" in Tags;
    /// There is a new account.
    UserCreated = "user.created" in Users;
    /// An account has changed.
    UserUpdated = "user.updated" in Users;
    /// An account is gone.
    UserDeleted = "user.deleted" in Users;
}

/// Who may know of an event: who may read what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    Public,
    /// Everybody who is signed in.
    Accounts,
    /// Those who work for the house.
    Staff,
    /// Editors, and whoever it belongs to.
    Editors(Option<Uuid>),
    /// Those who look after the back office.
    Office,
    /// Admins, and whoever it belongs to.
    Admins(Option<Uuid>),
}

impl Audience {
    fn parts(self) -> (&'static str, Option<Uuid>) {
        match self {
            Audience::Public => ("public", None),
            Audience::Accounts => ("accounts", None),
            Audience::Staff => ("staff", None),
            Audience::Editors(owner) => ("editors", owner),
            Audience::Office => ("office", None),
            Audience::Admins(owner) => ("admins", owner),
        }
    }

    /// As it was kept; what nobody knows is for admins.
    pub fn parse(text: &str, owner: Option<Uuid>) -> Self {
        match text {
            "public" => Audience::Public,
            "accounts" => Audience::Accounts,
            "staff" => Audience::Staff,
            "editors" => Audience::Editors(owner),
            "office" => Audience::Office,
            _ => Audience::Admins(owner),
        }
    }

    /// Whether this caller belongs to it.
    pub fn has(self, viewer: Option<&Principal>) -> bool {
        let owns = |owner: Option<Uuid>| owner.is_some() && viewer.map(|viewer| viewer.user) == owner;
        let role = viewer.map(|viewer| viewer.role);
        match self {
            Audience::Public => true,
            Audience::Accounts => viewer.is_some(),
            Audience::Staff => role.is_some_and(Role::is_staff),
            Audience::Editors(owner) => owns(owner) || role.is_some_and(Role::edits),
            Audience::Office => matches!(role, Some(Role::Accountant | Role::Admin)),
            Audience::Admins(owner) => owns(owner) || role == Some(Role::Admin),
        }
    }
}

/// That something happened to a resource: what the log of events keeps of it.
pub fn told(
    kind: EventType,
    resource: &impl Resource,
    subject: impl ToString,
    version: i64,
    audience: Audience,
    at: i64,
) -> Told {
    of(kind, subject, resource.location(), version, audience, at)
}

/// The same of what is known by its address alone.
pub fn of(
    kind: EventType,
    subject: impl ToString,
    href: String,
    version: i64,
    audience: Audience,
    at: i64,
) -> Told {
    let (audience, owner) = audience.parts();
    Told {
        kind: kind.as_str(),
        topic: kind.topic().as_str(),
        subject: subject.to_string(),
        href,
        version,
        audience,
        owner,
        at,
    }
}
