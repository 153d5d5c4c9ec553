//! The payments of invoices in the database, and their representation.
pub use entity::payment::{PaymentOutcome, PaymentProvider};
use entity::{payment, payment_reference};
use poem_openapi::Object;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Set, sea_query::OnConflict,
};
use serde::Serialize;
use uuid::Uuid;

use super::apply_payment::PaymentReport;
use crate::{
    domain::{id::Id, money::Currency, text::Text, timestamp::Timestamp},
    http::problem::{Error, Result},
    infra::db::Tx,
};

/// The payments in the representation of an invoice at most.
const MAX_LISTED: u64 = 100;

/// A payment of an invoice that a provider reported.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// The id of the payment.
    pub id: Id<Payment>,
    /// The provider of the payment.
    pub provider: PaymentProvider,
    /// The provider's id of the payment intent, the charge or the capture, or of the object that reported it first.
    pub reference: Text<255>,
    /// The amount in minor units of `currency`.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub amount: i64,
    /// The currency of the payment.
    pub currency: Currency,
    /// The sum of all refunds, in minor units of `currency`.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub refunded: i64,
    /// The effect of the payment on the invoice.
    pub outcome: PaymentOutcome,
    /// The time at which the first event about the payment was handled.
    pub created_at: Timestamp,
}

impl TryFrom<payment::Model> for Payment {
    type Error = Error;
    fn try_from(row: payment::Model) -> Result<Self> {
        Ok(Payment {
            id: row.id.into(),
            provider: row.provider,
            reference: row.reference.into(),
            amount: row.amount,
            currency: row.currency.parse().map_err(Error::Internal)?,
            refunded: row.refunded,
            outcome: row.outcome,
            created_at: Timestamp(row.created_at),
        })
    }
}

/// Returns the payments of an invoice, newest first.
pub async fn list_payments<C: ConnectionTrait>(db: &C, invoice: Uuid) -> Result<Vec<Payment>> {
    let find = payment::Entity::find().filter(payment::Column::InvoiceId.eq(invoice));
    let rows = find.order_by_desc(payment::Column::Id).limit(MAX_LISTED).all(db).await?;
    rows.into_iter().map(Payment::try_from).collect()
}

/// Returns whether a provider reported a payment of the invoice.
pub async fn has_payments(tx: &Tx, invoice: Uuid) -> Result<bool> {
    let find = payment::Entity::find().filter(payment::Column::InvoiceId.eq(invoice));
    Ok(find.count(&**tx).await? > 0)
}

/// Finds the payment that has one of the ids of a report. The first id has precedence.
pub async fn find_by_reference(tx: &Tx, report: &PaymentReport) -> Result<Option<payment::Model>, DbErr> {
    let find = payment_reference::Entity::find()
        .filter(payment_reference::Column::Provider.eq(report.provider))
        .filter(payment_reference::Column::Reference.is_in(report.references.iter().map(String::as_str)));
    let known = find.all(&**tx).await?;
    let precedence = |id: &str| report.references.iter().position(|reference| reference == id);
    let first = known.into_iter().min_by_key(|row| precedence(&row.reference));
    match first {
        Some(row) => payment::Entity::find_by_id(row.payment_id).one(&**tx).await,
        None => Ok(None),
    }
}

/// Finds the payment that a report without a common id is about: one of the two does not name the transaction, and
/// everything else is equal. An invoice of Stripe, for example, no longer names its payment intent.
pub async fn find_equal(
    tx: &Tx,
    invoice: Uuid,
    report: &PaymentReport,
) -> Result<Option<payment::Model>, DbErr> {
    let Some(amount) = report.amount else { return Ok(None) };
    let transaction = payment::Column::TransactionId;
    let find = payment::Entity::find()
        .filter(payment::Column::InvoiceId.eq(invoice))
        .filter(payment::Column::Provider.eq(report.provider))
        .filter(payment::Column::Amount.eq(amount.minor()))
        .filter(payment::Column::Currency.eq(amount.currency().as_str()))
        .filter(match report.transaction {
            Some(_) => transaction.is_null(),
            None => transaction.is_not_null(),
        });
    find.order_by_asc(payment::Column::Id).one(&**tx).await
}

/// Inserts or updates a payment, and adds its ids.
pub async fn store_payment(
    tx: &Tx,
    before: Option<&payment::Model>,
    row: &payment::Model,
    report: &PaymentReport,
) -> Result<(), DbErr> {
    if before.is_none() {
        payment::ActiveModel::from(row.clone()).reset_all().insert(&**tx).await?;
    } else if before != Some(row) {
        payment::ActiveModel::from(row.clone()).reset_all().update(&**tx).await?;
    }
    for reference in &report.references {
        let row = payment_reference::ActiveModel {
            provider: Set(report.provider),
            reference: Set(reference.clone()),
            payment_id: Set(row.id),
        };
        payment_reference::Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&**tx)
            .await?;
    }
    Ok(())
}
