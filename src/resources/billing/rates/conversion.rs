//! Conversion of amounts to one currency.
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use super::{
    exchange::ExchangeRate,
    types::{Quoted, Rate},
};
use crate::{
    domain::money::{Currency, MAX_INTEGER},
    http::problem::{Error, Result},
};

/// The original amount of a converted amount, and the rate of the conversion.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Original {
    /// The amount in minor units of `currency`.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub amount: i64,
    /// The currency of the original amount.
    pub currency: Currency,
    /// The value of one unit of `currency` in the currency of the locale.
    #[oai(flatten)]
    #[serde(flatten)]
    pub quoted: Quoted,
}

/// The rates from some currencies to one.
#[derive(Debug)]
pub struct ExchangeRates {
    pub(super) quote: Currency,
    pub(super) rates: Vec<(Currency, ExchangeRate)>,
}

impl ExchangeRates {
    /// Returns the currency that amounts are converted to.
    pub fn quote(&self) -> Currency {
        self.quote
    }

    /// Returns whether an amount in this currency can be converted.
    pub fn contains(&self, currency: Currency) -> bool {
        currency == self.quote || self.rates.iter().any(|(base, _)| *base == currency)
    }

    /// Adds further rates to the same currency.
    pub fn extend(&mut self, others: ExchangeRates) {
        self.rates.extend(others.rates);
    }

    /// Returns the rate of each other currency.
    pub fn rates(&self) -> Vec<Rate> {
        self.rates.iter().map(|(base, exchange)| Rate::of(*base, self.quote, &exchange.0)).collect()
    }

    /// Returns the sum of amounts in the target currency, and the originals of the converted amounts.
    pub fn total(&self, amounts: &[(i64, Currency)]) -> Result<(i64, Vec<Original>)> {
        let (mut total, mut originals) = (0i64, Vec::new());
        for (amount, currency) in amounts {
            let (amount, original) = self.convert(*amount, *currency)?;
            let too_large = || Error::Internal("a sum exceeds 2^53 - 1 minor units".into());
            total = total.checked_add(amount).filter(|total| *total <= MAX_INTEGER).ok_or_else(too_large)?;
            originals.extend(original);
        }
        Ok((total, originals))
    }

    /// Returns an amount in the target currency, and its original if it was converted.
    pub fn convert(&self, amount: i64, currency: Currency) -> Result<(i64, Option<Original>)> {
        if currency == self.quote {
            return Ok((amount, None));
        }
        let (_, exchange) = self
            .rates
            .iter()
            .find(|(base, _)| *base == currency)
            .ok_or_else(|| Error::Internal(format!("the rate of {currency} was not loaded")))?;
        let original = Original { amount, currency, quoted: (&exchange.0).into() };
        let converted = exchange.convert(amount, currency, self.quote)?;
        let too_large = || Error::Internal("a converted amount exceeds 2^53 - 1 minor units".into());
        Ok((Some(converted).filter(|amount| *amount <= MAX_INTEGER).ok_or_else(too_large)?, Some(original)))
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
