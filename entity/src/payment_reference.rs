//! `payment_references`: all ids by which a provider names a payment. Several events report the same payment, each with
//! other ids.
use sea_orm::entity::prelude::*;

use crate::payment::PaymentProvider;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_references")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: PaymentProvider,
    #[sea_orm(primary_key, auto_increment = false)]
    pub reference: String,
    pub payment_id: Uuid,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
