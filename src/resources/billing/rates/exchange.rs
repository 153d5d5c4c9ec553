//! Currency arithmetic. All rates are stored as the value of one US dollar. Amounts are whole minor units;
//! conversions round half to even.
use poem_openapi::Enum;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

use crate::{
    domain::{date::Date, money::Currency, timestamp::Timestamp},
    http::problem::{Error, Result},
};

/// The age and origin of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Enum, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub enum RateState {
    /// Fetched within the last 36 hours.
    Fresh,
    /// Fetched within the last 7 days, but not within the last 36 hours; or earlier, if the setting
    /// `rates_fallback` has no rate for the currency.
    LastKnown,
    /// Not fetched: the rate in the setting `rates_fallback`.
    Fallback,
}

impl RateState {
    pub fn as_str(self) -> &'static str {
        match self {
            RateState::Fresh => "fresh",
            RateState::LastKnown => "lastKnown",
            RateState::Fallback => "fallback",
        }
    }
}

/// A rate with its date, source and state.
#[derive(Debug, Clone, PartialEq)]
pub struct SourcedRate {
    pub rate: Decimal,
    /// The day that the rate is for.
    pub date: Option<Date>,
    pub source: String,
    pub state: RateState,
    pub fetched_at: Option<Timestamp>,
}

/// The value of one unit of a currency in another currency.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangeRate(pub SourcedRate);

/// The significant digits of a cross rate. Decimal places would lose the rates of weak currencies, which
/// begin far behind the point.
const DIGITS: u32 = 12;

impl ExchangeRate {
    /// Computes a cross rate from the US dollar rates of both currencies.
    ///
    /// # Errors
    /// Returns an internal error if the quotient overflows or is zero.
    pub fn between(base: SourcedRate, quote: SourcedRate) -> Result<Self> {
        let rate = quote.rate.checked_div(base.rate).filter(|rate| *rate > Decimal::ZERO);
        let rate = rate.ok_or_else(|| Error::Internal("the quotient of two rates is out of range".into()))?;
        // Date, source and state are those of the less reliable rate. The US dollar itself has no date and no
        // source.
        let use_quote = quote.state > base.state || (quote.state == base.state && quote.date.is_some());
        // Of two fetched rates, the older one counts.
        let fetched_at = [quote.fetched_at, base.fetched_at].into_iter().flatten().min();
        let origin = if use_quote { quote } else { base };
        let fetched_at = fetched_at.filter(|_| origin.state != RateState::Fallback);
        let rounded = rate.round_sf_with_strategy(DIGITS, RoundingStrategy::MidpointNearestEven);
        Ok(ExchangeRate(SourcedRate { rate: rounded.unwrap_or(rate).normalize(), fetched_at, ..origin }))
    }

    /// Converts minor units of `base` to minor units of `quote`, rounding half to even.
    pub fn convert(&self, amount: i64, base: Currency, quote: Currency) -> Result<i64> {
        let scale = |digits: u32| Decimal::from(10i64.pow(digits));
        let exact = Decimal::from(amount)
            .checked_mul(self.0.rate)
            .and_then(|value| value.checked_mul(scale(quote.digits())))
            .and_then(|value| value.checked_div(scale(base.digits())));
        let rounded =
            exact.map(|value| value.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven));
        rounded
            .and_then(|value| i64::try_from(value).ok())
            .ok_or_else(|| Error::Internal("a converted amount does not fit into 64 bits".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sourced(rate: &str, state: RateState) -> SourcedRate {
        SourcedRate {
            rate: rate.parse().unwrap(),
            date: None,
            source: "test".into(),
            state,
            fetched_at: None,
        }
    }

    fn currency(name: &str) -> Currency {
        name.parse().unwrap()
    }

    #[test]
    fn rounds_half_to_even() {
        for (amount, base, quote, rate, expected) in [
            (100, "USD", "EUR", "0.86", 86),
            (15795, "USD", "EUR", "0.86", 13584),
            (25, "USD", "EUR", "0.9", 22),
            (35, "USD", "EUR", "0.9", 32),
            (-25, "USD", "EUR", "0.9", -22),
            (100, "USD", "JPY", "150", 150),
            (33, "USD", "JPY", "150", 50),
            (1, "USD", "KWD", "0.3", 3),
            (0, "USD", "EUR", "0.86", 0),
        ] {
            let exchange = ExchangeRate(sourced(rate, RateState::Fresh));
            let converted = exchange.convert(amount, currency(base), currency(quote)).unwrap();
            assert_eq!(converted, expected, "{amount} {base} in {quote}");
        }
    }

    #[test]
    fn a_cross_rate_has_the_less_reliable_state() {
        let euro = sourced("0.86", RateState::Fresh);
        let yen = sourced("150", RateState::Fallback);
        let crossed = ExchangeRate::between(euro.clone(), yen.clone()).unwrap();
        assert_eq!(
            (crossed.0.rate.to_string(), crossed.0.state),
            ("174.418604651".into(), RateState::Fallback)
        );
        let back = ExchangeRate::between(yen, euro).unwrap();
        assert_eq!((back.0.rate.to_string(), back.0.state), ("0.00573333333333".into(), RateState::Fallback));
    }

    #[test]
    fn a_cross_rate_names_the_source_in_both_directions() {
        let dollar = SourcedRate { source: "identity".into(), ..sourced("1", RateState::Fresh) };
        let euro = SourcedRate { date: "2026-11-20".parse().ok(), ..sourced("0.8", RateState::Fresh) };
        for (base, quote, rate) in [(&dollar, &euro, "0.8"), (&euro, &dollar, "1.25")] {
            let crossed = ExchangeRate::between(base.clone(), quote.clone()).unwrap().0;
            assert_eq!((crossed.rate.to_string().as_str(), crossed.source.as_str()), (rate, "test"));
            assert_eq!(crossed.date, "2026-11-20".parse().ok());
        }
    }
}
