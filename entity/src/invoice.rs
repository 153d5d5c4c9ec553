//! `invoices`: invoices, with amounts in minor units of their currency.
use poem_openapi::Enum;
use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub number: i64,
    pub customer_id: Uuid,
    pub amount: i64,
    pub currency: String,
    pub status: InvoiceStatus,
    /// `YYYY-MM-DD`, so that text order is chronological order.
    pub date: String,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    /// The time of the first payment; retained when the invoice is voided.
    pub paid_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::customer::Entity",
        from = "Column::CustomerId",
        to = "super::customer::Column::Id"
    )]
    Customer,
}

impl ActiveModelBehavior for ActiveModel {}

/// The status of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum InvoiceStatus {
    /// Not sent yet. All fields can change.
    Draft,
    /// Sent and not paid yet.
    Pending,
    /// Paid. Only the status can change, to `void`.
    Paid,
    /// Cancelled. No field can change.
    Void,
}
