//! `payments`: payments of invoices that providers reported, once each, with what was refunded.
use poem_openapi::Enum;
use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub invoice_id: Uuid,
    pub provider: PaymentProvider,
    /// The provider's id of the payment that is shown: the transaction, or before it is known another id.
    pub reference: String,
    /// The provider's id of the payment intent, the charge or the capture. `None` if no event has named it yet.
    pub transaction_id: Option<String>,
    /// In minor units of `currency`.
    pub amount: i64,
    pub currency: String,
    /// The sum of all refunds, in minor units of `currency`.
    pub refunded: i64,
    pub outcome: PaymentOutcome,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The provider of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum PaymentProvider {
    Stripe,
    Paypal,
}

/// The effect of a payment on its invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "kebab-case")]
pub enum PaymentOutcome {
    /// The payment set the invoice to `paid`. Its full refund sets the invoice to `void`.
    Paid,
    /// The amount or the currency differs from that of the invoice. The status did not change.
    AmountMismatch,
    /// The invoice was already paid or void. The status did not change.
    InvoiceClosed,
}
