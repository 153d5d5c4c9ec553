//! The list of webhook providers.
pub mod github;
pub mod paypal;
pub mod stripe;

use std::collections::HashMap;

use poem::{endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    OpenApi,
    registry::{MetaApi, Registry},
};

use super::{
    action::Action, api::ReceiveApi, provider::WebhookProvider, service::WebhookEvents, types::Provider,
};
use crate::{
    config::WebhooksConfig,
    http::operation::{Operation, Operations},
};

macro_rules! providers {
    ($($module:ident::$provider:ident;)+) => {
        /// The operations that receive events, one for each provider.
        pub struct WebhookReceiversApi(pub WebhookEvents, pub WebhooksConfig);

        impl Operations for WebhookReceiversApi {
            fn operations() -> Vec<Operation> {
                [$(ReceiveApi::<$module::$provider>::operations()),+].concat()
            }
        }

        impl OpenApi for WebhookReceiversApi {
            fn meta() -> Vec<MetaApi> {
                [$(ReceiveApi::<$module::$provider>::meta()),+].into_iter().flatten().collect()
            }

            fn register(registry: &mut Registry) {
                $(ReceiveApi::<$module::$provider>::register(registry);)+
            }

            fn add_routes(self, routes: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
                $(ReceiveApi::<$module::$provider>::new(&self.0, &self.1).add_routes(routes);)+
            }
        }

        /// Returns the action for an event. The `match` requires that every provider is in the list.
        pub fn action(provider: Provider, kind: &str, body: &str) -> Action {
            match provider {
                $($module::$provider::PROVIDER => $module::$provider::action(kind, body),)+
            }
        }
    };
}

providers! {
    stripe::Stripe;
    github::Github;
    paypal::Paypal;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_provider_of_an_event_type_handles_it() {
        let paid = r#"{"data":{"object":{"id":"in_1","amount_paid":1,"currency":"usd","metadata":{"invoice":"42"}}}}"#;
        assert!(matches!(action(Provider::Stripe, "invoice.paid", paid), Action::RecordPayment(_)));
        assert_eq!(action(Provider::Github, "invoice.paid", paid), Action::Unhandled);
        assert_eq!(action(Provider::Paypal, "invoice.paid", paid), Action::Unhandled);
        assert_eq!(action(Provider::Github, "push", r#"{"ref":"refs/heads/x"}"#), Action::ImportDocuments);
        assert_eq!(action(Provider::Stripe, "push", r#"{"ref":"refs/heads/x"}"#), Action::Unhandled);
    }
}
