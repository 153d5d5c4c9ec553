//! `invoices`: invoices, with amounts in minor units of their currency.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub number: i64,
    pub customer_id: Uuid,
    pub amount: i64,
    pub currency: String,
    pub status: String,
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
