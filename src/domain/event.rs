//! Event types, their topics, and the audience of an event.
use entity::event::EventAudience;
use poem_openapi::Enum;
use serde::Serialize;
use uuid::Uuid;

use super::principal::{Ownership, Principal, Role};

macro_rules! events {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal in $topic:ident;)*) => {
        /// The type of an event.
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

            /// Returns the meaning of the event, in one sentence.
            pub fn description(self) -> &'static str {
                match self {$(EventType::$name => concat!($($doc),*).trim(),)*}
            }
        }
    };
}

macro_rules! topics {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal, $scope:literal;)*) => {
        /// The kind of resource that an event is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
        #[oai(rename_all = "lowercase")]
        #[serde(rename_all = "lowercase")]
        pub enum Topic {$(
            $(#[doc = $doc])*
            $name,
        )*}

        impl Topic {
            pub const ALL: &'static [Topic] = &[$(Topic::$name),*];

            /// Returns the scope that an API key needs to receive non-public events of this topic.
            pub fn scope(self) -> &'static str {
                match self {$(Topic::$name => $scope,)*}
            }

            /// Returns the name on the wire.
            pub fn as_str(self) -> &'static str {
                match self {$(Topic::$name => $text,)*}
            }
        }
    };
}

topics! {
    /// Channels.
    Channels = "channels", "channels:read";
    /// Comments on posts.
    Comments = "comments", "comments:read";
    /// Customers.
    Customers = "customers", "customers:read";
    /// Documentation pages.
    Documents = "documents", "documents:read";
    /// Invoices.
    Invoices = "invoices", "invoices:read";
    /// Images.
    Media = "media", "media:read";
    /// Messages in channels.
    Messages = "messages", "messages:read";
    /// Posts.
    Posts = "posts", "posts:read";
    /// Exchange rates.
    Rates = "rates", "rates:read";
    /// Redirect rules.
    Redirects = "redirects", "redirects:read";
    /// Monthly revenues.
    Revenues = "revenues", "revenues:read";
    /// Tags of posts.
    Tags = "tags", "tags:read";
    /// User accounts.
    Users = "users", "users:read";
}

events! {
    /// A channel was created.
    ChannelCreated = "channel.created" in Channels;
    /// A channel, or the group of its readers, was changed.
    ChannelUpdated = "channel.updated" in Channels;
    /// A channel was deleted, with all its messages.
    ChannelDeleted = "channel.deleted" in Channels;
    /// A comment was created.
    CommentCreated = "comment.created" in Comments;
    /// The text or the visibility of a comment was changed.
    CommentUpdated = "comment.updated" in Comments;
    /// A comment was deleted.
    CommentDeleted = "comment.deleted" in Comments;
    /// A customer was created.
    CustomerCreated = "customer.created" in Customers;
    /// A customer was changed.
    CustomerUpdated = "customer.updated" in Customers;
    /// A customer was deleted.
    CustomerDeleted = "customer.deleted" in Customers;
    /// A document was created.
    DocumentCreated = "document.created" in Documents;
    /// A document was changed.
    DocumentUpdated = "document.updated" in Documents;
    /// A document was deleted.
    DocumentDeleted = "document.deleted" in Documents;
    /// A deleted document was restored.
    DocumentRestored = "document.restored" in Documents;
    /// An invoice was created.
    InvoiceCreated = "invoice.created" in Invoices;
    /// An invoice was changed, other than paid or voided.
    InvoiceUpdated = "invoice.updated" in Invoices;
    /// An invoice was paid.
    InvoicePaid = "invoice.paid" in Invoices;
    /// An invoice was voided.
    InvoiceVoided = "invoice.voided" in Invoices;
    /// An invoice was deleted.
    InvoiceDeleted = "invoice.deleted" in Invoices;
    /// An image was uploaded.
    MediaCreated = "media.created" in Media;
    /// The alternative text of an image was changed.
    MediaUpdated = "media.updated" in Media;
    /// An image was deleted.
    MediaDeleted = "media.deleted" in Media;
    /// A message was posted in a channel.
    MessageCreated = "message.created" in Messages;
    /// A message was edited.
    MessageUpdated = "message.updated" in Messages;
    /// A message was deleted.
    MessageDeleted = "message.deleted" in Messages;
    /// A post was created as a draft.
    PostCreated = "post.created" in Posts;
    /// A post was changed.
    PostUpdated = "post.updated" in Posts;
    /// A post was published.
    PostPublished = "post.published" in Posts;
    /// A published post was turned back into a draft.
    PostUnpublished = "post.unpublished" in Posts;
    /// A post was deleted.
    PostDeleted = "post.deleted" in Posts;
    /// A deleted post was restored.
    PostRestored = "post.restored" in Posts;
    /// New exchange rates were fetched.
    RatesUpdated = "rates.updated" in Rates;
    /// A redirect rule was created.
    RedirectCreated = "redirect.created" in Redirects;
    /// A redirect rule was changed.
    RedirectUpdated = "redirect.updated" in Redirects;
    /// Redirect rules were imported.
    RedirectsImported = "redirects.imported" in Redirects;
    /// A redirect rule was deleted.
    RedirectDeleted = "redirect.deleted" in Redirects;
    /// The revenue of a month was set.
    RevenueUpdated = "revenue.updated" in Revenues;
    /// The revenue of a month was deleted.
    RevenueDeleted = "revenue.deleted" in Revenues;
    /// A tag was created.
    TagCreated = "tag.created" in Tags;
    /// A tag was changed.
    TagUpdated = "tag.updated" in Tags;
    /// A tag was deleted.
    TagDeleted = "tag.deleted" in Tags;
    /// An account was created.
    UserCreated = "user.created" in Users;
    /// An account was changed.
    UserUpdated = "user.updated" in Users;
    /// An account was deleted.
    UserDeleted = "user.deleted" in Users;
}

/// The callers that receive an event: the readers of its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// All callers, also anonymous ones.
    Public,
    /// All authenticated callers.
    Authenticated,
    /// Editors, accountants and admins: [`Role::is_staff`].
    Staff,
    /// Editors and admins.
    Editors,
    /// Editors, admins and the owner of the resource: [`Principal::edits`].
    Owner(Ownership, Uuid),
    /// The readers of a comment on this post: those of the post, or only editors, admins and the author of the comment.
    /// It is resolved when the event is sent, because the post may be hidden since.
    Comment { post: Uuid, only_author: Option<Uuid> },
    /// Accountants and admins.
    Accountants,
    /// Admins and the owner of the resource.
    Admins(Option<Uuid>),
}

impl Audience {
    /// Returns the values of the columns `audience`, `owner` and `post`.
    pub fn columns(self) -> (EventAudience, Option<Uuid>, Option<Uuid>) {
        let (audience, owner) = match self {
            Audience::Public => (EventAudience::Public, None),
            Audience::Authenticated => (EventAudience::Authenticated, None),
            Audience::Staff => (EventAudience::Staff, None),
            Audience::Editors => (EventAudience::Editors, None),
            Audience::Owner(Ownership::Personal, owner) => (EventAudience::Editors, Some(owner)),
            Audience::Owner(Ownership::Content, owner) => (EventAudience::ContentOwner, Some(owner)),
            Audience::Comment { only_author: None, .. } => (EventAudience::Public, None),
            Audience::Comment { only_author, .. } => (EventAudience::Editors, only_author),
            Audience::Accountants => (EventAudience::Accountants, None),
            Audience::Admins(owner) => (EventAudience::Admins, owner),
        };
        let post = if let Audience::Comment { post, .. } = self { Some(post) } else { None };
        (audience, owner, post)
    }

    /// Returns the audience with these values of the columns `audience`, `owner` and `post`.
    pub fn from_columns(audience: EventAudience, owner: Option<Uuid>, post: Option<Uuid>) -> Self {
        if let Some(post) = post {
            return Audience::Comment { post, only_author: owner };
        }
        match (audience, owner) {
            (EventAudience::Public, _) => Audience::Public,
            (EventAudience::Authenticated, _) => Audience::Authenticated,
            (EventAudience::Staff, _) => Audience::Staff,
            (EventAudience::Editors | EventAudience::ContentOwner, None) => Audience::Editors,
            (EventAudience::Editors, Some(owner)) => Audience::Owner(Ownership::Personal, owner),
            (EventAudience::ContentOwner, Some(owner)) => Audience::Owner(Ownership::Content, owner),
            (EventAudience::Accountants, _) => Audience::Accountants,
            (EventAudience::Admins, owner) => Audience::Admins(owner),
        }
    }

    /// Returns whether the caller belongs to this audience. An audience that is not resolved includes no caller.
    pub fn includes(self, viewer: Option<&Principal>) -> bool {
        let role = viewer.map(|viewer| viewer.role);
        match self {
            Audience::Public => true,
            Audience::Authenticated => viewer.is_some(),
            Audience::Staff => role.is_some_and(Role::is_staff),
            Audience::Editors => role.is_some_and(Role::is_editor),
            Audience::Owner(kind, owner) => viewer.is_some_and(|viewer| viewer.edits(kind, owner)),
            Audience::Comment { .. } => false,
            Audience::Accountants => matches!(role, Some(Role::Accountant | Role::Admin)),
            Audience::Admins(owner) => {
                let owns =
                    |viewer: &Principal| owner.is_some_and(|owner| viewer.owns(Ownership::Personal, owner));
                role == Some(Role::Admin) || viewer.is_some_and(owns)
            }
        }
    }
}
