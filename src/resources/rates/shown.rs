//! Amounts in another currency, with what they were before.
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use super::{
    exchange::Exchange,
    types::{Quoted, Rate},
};
use crate::contract::{
    money::Currency,
    problem::{Error, Result},
};

/// What an amount was before it was converted, and by which rate.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Original {
    /// The amount in minor units of `currency`.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub amount: i64,
    /// The currency in which it was made out.
    pub currency: Currency,
    /// What one unit of it is in the currency of the locale.
    #[oai(flatten)]
    #[serde(flatten)]
    pub quoted: Quoted,
}

/// What every client's numbers can hold (RFC 8259, 6).
const MOST: i64 = (1 << 53) - 1;

/// What some currencies are in one.
#[derive(Debug)]
pub struct Exchanges {
    pub(super) quote: Currency,
    pub(super) known: Vec<(Currency, Exchange)>,
}

impl Exchanges {
    /// The currency that everything is shown in.
    pub fn quote(&self) -> Currency {
        self.quote
    }

    /// Whether an amount in this currency can be shown.
    pub fn knows(&self, currency: Currency) -> bool {
        currency == self.quote || self.known.iter().any(|(base, _)| *base == currency)
    }

    /// Takes in what others are in the same one.
    pub fn extend(&mut self, others: Exchanges) {
        self.known.extend(others.known);
    }

    /// The rate of each other currency.
    pub fn rates(&self) -> Vec<Rate> {
        self.known.iter().map(|(base, exchange)| Rate::of(*base, self.quote, &exchange.0)).collect()
    }

    /// Amounts added up in the one currency, and what there was in others.
    pub fn total(&self, amounts: &[(i64, Currency)]) -> Result<(i64, Vec<Original>)> {
        let (mut total, mut originals) = (0i64, Vec::new());
        for (amount, currency) in amounts {
            let (amount, original) = self.shown(*amount, *currency)?;
            let too_much = || Error::Internal("a sum is too large for a number".into());
            total = total.checked_add(amount).filter(|total| *total <= MOST).ok_or_else(too_much)?;
            originals.extend(original);
        }
        Ok((total, originals))
    }

    /// The amount in the one currency, and what it was if that was another.
    pub fn shown(&self, amount: i64, currency: Currency) -> Result<(i64, Option<Original>)> {
        if currency == self.quote {
            return Ok((amount, None));
        }
        let (_, exchange) = self
            .known
            .iter()
            .find(|(base, _)| *base == currency)
            .ok_or_else(|| Error::Internal(format!("nobody asked for the rate of {currency}")))?;
        let original = Original { amount, currency, quoted: (&exchange.0).into() };
        let converted = exchange.convert(amount, currency, self.quote)?;
        let too_much = || Error::Internal("an amount is too large for a number".into());
        Ok((Some(converted).filter(|it| *it <= MOST).ok_or_else(too_much)?, Some(original)))
    }
}

impl Example for Original {
    fn example() -> Self {
        Original {
            amount: 15795,
            currency: Currency::USD,
            quoted: Quoted { rate: "0.86".into(), rate_date: "2025-11-21".parse().ok(), ..Quoted::example() },
        }
    }
}
