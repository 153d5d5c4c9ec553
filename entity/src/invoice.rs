//! `invoices`: what customers owe, in minor units of one currency.
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
    /// `YYYY-MM-DD`, so that text order is the order of time.
    pub date: String,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    /// When it was first paid; it stays when the invoice is taken back.
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
