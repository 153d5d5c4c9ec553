//! The arithmetic of currencies: all rates are told by what a dollar is, money is whole minor units, and what
//! lies between two of them goes to the even one.
use poem_openapi::Enum;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

use crate::contract::{
    date::Date,
    money::Currency,
    problem::{Error, Result},
    time::Timestamp,
};

/// What a dollar is, in the operator's words.
#[derive(Debug, Clone)]
pub struct Fallback(pub Vec<(Currency, Decimal)>);

/// How far a rate can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Enum, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub enum RateState {
    /// The source told it within the last 36 hours.
    Fresh,
    /// The source told it within the last week, and nothing since; or before, where the operator has no figure.
    LastKnown,
    /// Nobody told it: the operator's own figure.
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

/// What a dollar is, and who says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    pub rate: Decimal,
    /// The day for which it holds.
    pub date: Option<Date>,
    pub source: String,
    pub state: RateState,
    pub fetched_at: Option<Timestamp>,
}

/// What one currency is in another.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange(pub Known);

/// How many digits of a quotient are told; those of a weak currency begin far behind the point.
const DIGITS: u32 = 12;

/// Whether a rate can be one at all.
pub fn sane(rate: Decimal) -> bool {
    rate > Decimal::new(1, 9) && rate < Decimal::from(1_000_000_000u32)
}

impl Exchange {
    /// From the dollar's rates of both.
    pub fn between(base: Known, quote: Known) -> Result<Self> {
        let rate = quote.rate.checked_div(base.rate).filter(|rate| *rate > Decimal::ZERO);
        let rate = rate.ok_or_else(|| Error::Internal("the rates have no quotient".into()))?;
        // The weaker of two is what is known of both; nobody has to tell what a dollar is in dollars.
        let quoted = quote.state > base.state || (quote.state == base.state && quote.date.is_some());
        // Of two that were told, the one that was told first.
        let fetched_at = [quote.fetched_at, base.fetched_at].into_iter().flatten().min();
        let told = if quoted { quote } else { base };
        let fetched_at = fetched_at.filter(|_| told.state != RateState::Fallback);
        let rounded = rate.round_sf_with_strategy(DIGITS, RoundingStrategy::MidpointNearestEven);
        Ok(Exchange(Known { rate: rounded.unwrap_or(rate).normalize(), fetched_at, ..told }))
    }

    /// Minor units of `base` as minor units of `quote`.
    pub fn convert(&self, amount: i64, base: Currency, quote: Currency) -> Result<i64> {
        let tens = |digits: u32| Decimal::from(10i64.pow(digits));
        let whole = Decimal::from(amount)
            .checked_mul(self.0.rate)
            .and_then(|value| value.checked_mul(tens(quote.digits())))
            .and_then(|value| value.checked_div(tens(base.digits())));
        let whole = whole.map(|value| value.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven));
        whole
            .and_then(|value| i64::try_from(value).ok())
            .ok_or_else(|| Error::Internal("an amount is too large for its currency".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(rate: &str, state: RateState) -> Known {
        Known { rate: rate.parse().unwrap(), date: None, source: "test".into(), state, fetched_at: None }
    }

    fn currency(name: &str) -> Currency {
        name.parse().unwrap()
    }

    #[test]
    fn money_is_rounded_to_the_even_minor_unit() {
        for (amount, base, quote, rate, told) in [
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
            let exchange = Exchange(known(rate, RateState::Fresh));
            let done = exchange.convert(amount, currency(base), currency(quote)).unwrap();
            assert_eq!(done, told, "{amount} {base} in {quote}");
        }
    }

    #[test]
    fn rates_cross_and_the_weaker_word_counts() {
        let euro = known("0.86", RateState::Fresh);
        let yen = known("150", RateState::Fallback);
        let crossed = Exchange::between(euro.clone(), yen.clone()).unwrap();
        assert_eq!(
            (crossed.0.rate.to_string(), crossed.0.state),
            ("174.418604651".into(), RateState::Fallback)
        );
        let back = Exchange::between(yen, euro).unwrap();
        assert_eq!((back.0.rate.to_string(), back.0.state), ("0.00573333333333".into(), RateState::Fallback));
    }

    #[test]
    fn who_told_is_named_in_both_directions() {
        let dollar = Known { source: "identity".into(), ..known("1", RateState::Fresh) };
        let euro = Known { date: "2026-11-20".parse().ok(), ..known("0.8", RateState::Fresh) };
        for (base, quote, rate) in [(&dollar, &euro, "0.8"), (&euro, &dollar, "1.25")] {
            let told = Exchange::between(base.clone(), quote.clone()).unwrap().0;
            assert_eq!((told.rate.to_string().as_str(), told.source.as_str()), (rate, "test"));
            assert_eq!(told.date, "2026-11-20".parse().ok());
        }
    }

    #[test]
    fn absurd_rates_are_none() {
        for rate in ["0", "-1", "0.0000000001", "1000000000"] {
            assert!(!sane(rate.parse().unwrap()), "{rate}");
        }
    }
}
