//! The origin of an action: the caller, the address and the id of a request, or the job or command that runs.
//!
//! It belongs to the task. A unit of work that runs on another task or thread gets the origin of the task that started it.
use std::{
    future::Future,
    sync::{Arc, OnceLock},
};

use entity::audit_entry::ActorKind;
use tokio::task::futures::TaskLocalFuture;
use uuid::Uuid;

use crate::{
    domain::{
        client_key::ClientKey,
        principal::{Principal, Via},
    },
    infra::traces::Trace,
};

tokio::task_local! {
    static ORIGIN: Origin;
}

/// Who acts, and from where. Without one, the server itself acts.
#[derive(Debug, Clone, Default)]
pub struct Origin(Option<Arc<Source>>);

#[derive(Debug, Clone)]
struct Source {
    /// The kind of actor while there is no caller.
    kind: ActorKind,
    name: Option<String>,
    address: Option<String>,
    request_id: Option<String>,
    /// The client of a request while there is no caller.
    client: Option<ClientKey>,
    caller: OnceLock<Actor>,
    /// The current span.
    trace: Option<Trace>,
}

/// The columns of an entry about its actor.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    pub kind: ActorKind,
    pub account: Option<Uuid>,
    pub credential: Option<Uuid>,
}

impl Origin {
    /// Creates the origin of a request. `address` is the client address, as far as it may be stored, and `client` the key
    /// of an anonymous client.
    pub fn request(address: Option<String>, client: ClientKey, id: &str) -> Self {
        let (request_id, client) = (Some(id.to_owned()), Some(client));
        Origin::new(Source { address, request_id, client, ..Source::new(ActorKind::Anonymous, None) })
    }

    /// Creates the origin of a job of this kind.
    pub fn job(kind: &str) -> Self {
        Origin::new(Source::new(ActorKind::Job, Some(kind)))
    }

    /// Creates the origin of a command.
    pub fn cli(command: &str) -> Self {
        Origin::new(Source::new(ActorKind::Cli, Some(command)))
    }

    fn new(source: Source) -> Self {
        Origin(Some(Arc::new(source)))
    }

    /// Returns the origin of the current task.
    pub fn current() -> Self {
        ORIGIN.try_with(Clone::clone).unwrap_or_default()
    }

    /// Runs a future with this origin.
    pub fn scope<F: Future>(self, future: F) -> TaskLocalFuture<Origin, F> {
        ORIGIN.scope(self, future)
    }

    /// Runs a function with this origin.
    pub fn run<T>(self, function: impl FnOnce() -> T) -> T {
        ORIGIN.sync_scope(self, function)
    }

    /// Returns this origin in a span.
    pub fn with_trace(self, trace: Trace) -> Self {
        let source = self.0.map_or_else(|| Source::new(ActorKind::System, None), Arc::unwrap_or_clone);
        Origin::new(Source { trace: Some(trace), ..source })
    }

    /// Returns the current span.
    pub fn trace(&self) -> Option<&Trace> {
        self.0.as_ref()?.trace.as_ref()
    }

    /// Sets the caller of a request, after its authentication.
    pub fn set_caller(&self, caller: &Principal) {
        let (kind, credential) = match &caller.via {
            Via::Session(id) => (ActorKind::User, Some(*id)),
            Via::Key { id, .. } => (ActorKind::ApiKey, Some(*id)),
            Via::Cli => (ActorKind::Cli, None),
        };
        if let Some(source) = &self.0 {
            // The first caller: a request has one.
            let _ = source.caller.set(Actor { kind, account: Some(caller.user), credential });
        }
    }

    /// Replaces the caller in this copy of the origin.
    pub(super) fn set_session(&mut self, account: Uuid, session: Uuid) {
        let actor = Actor { kind: ActorKind::User, account: Some(account), credential: Some(session) };
        let source = self.0.as_deref().cloned().unwrap_or_else(|| Source::new(ActorKind::System, None));
        *self = Origin::new(Source { caller: OnceLock::from(actor), ..source });
    }

    /// Returns the account of the caller; `None` for anonymous callers, jobs, commands and the server itself.
    pub fn account(&self) -> Option<Uuid> {
        self.0.as_ref()?.caller.get()?.account
    }

    /// Returns the client that limits count by; `None` for jobs, commands and the server itself.
    pub fn client(&self) -> Option<ClientKey> {
        self.account().map(ClientKey::Account).or(self.0.as_ref()?.client)
    }

    /// Returns the address of the client.
    pub fn address(&self) -> Option<&str> {
        self.0.as_ref()?.address.as_deref()
    }

    pub(super) fn request_id(&self) -> Option<&str> {
        self.0.as_ref()?.request_id.as_deref()
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.0.as_ref()?.name.as_deref()
    }

    pub(super) fn actor(&self) -> Actor {
        let kind = self.0.as_ref().map_or(ActorKind::System, |source| source.kind);
        let caller = self.0.as_ref().and_then(|source| source.caller.get().cloned());
        caller.unwrap_or(Actor { kind, account: None, credential: None })
    }

    /// Returns the origin of several requests of a client: without the id of a request.
    pub(super) fn without_request(&self) -> Self {
        let source =
            self.0.as_deref().map(|source| Source { request_id: None, trace: None, ..source.clone() });
        Origin(source.map(Arc::new))
    }

    /// Returns the origin of requests of several clients.
    pub(super) fn anonymous() -> Self {
        Origin::new(Source::new(ActorKind::Anonymous, None))
    }
}

impl Source {
    fn new(kind: ActorKind, name: Option<&str>) -> Self {
        let (name, address, request_id, client) = (name.map(str::to_owned), None, None, None);
        Source { kind, name, address, request_id, client, caller: OnceLock::new(), trace: None }
    }
}
