use super::*;
use crate::domain::client_key::ClientKey;

const ACCOUNT: Option<Uuid> = Some(Uuid::from_u128(1));

fn of(address: &str) -> Origin {
    Origin::request(Some(address.to_owned()), ClientKey::Address(None), "one")
}

#[test]
fn failures_without_an_account_leave_slots_for_accounts() {
    let mut window = Window::default();
    let mut add = |class, account, identity: &str, address: &str| {
        window.add(class, account, identity, of(address), 0).len()
    };
    let unknown = (0..1000).map(|number| {
        let address = format!("10.0.{}.0/24", number / 4);
        add(AuthFailure::UnknownAccount, None, &number.to_string(), &address)
    });
    assert_eq!(unknown.sum::<usize>(), MAX_UNKNOWN);
    assert_eq!(add(AuthFailure::WrongPassword, ACCOUNT, "ada", "10.0.0.0/24"), 1);
    let of_address = (0..100).map(|number| {
        let account = Some(Uuid::from_u128(number + 100));
        add(AuthFailure::WrongPassword, account, &number.to_string(), "10.1.0.0/24")
    });
    assert_eq!(of_address.sum::<usize>(), MAX_PER_ADDRESS);
    assert_eq!(add(AuthFailure::WrongPassword, ACCOUNT, "ada", "10.2.0.0/24"), 1);
}

#[test]
fn failures_that_were_not_written_are_counted_again() {
    let mut window = Window::default();
    let mut written = 0;
    for number in 0..5 {
        let due = window.add(AuthFailure::WrongPassword, ACCOUNT, "ada", of("10.0.0.0/24"), number);
        written += due.len();
        window.restore(due);
    }
    assert_eq!(written, 1);
    let due = window.drain(WINDOW);
    assert_eq!(due.iter().map(|(_, failures)| failures.count).collect::<Vec<_>>(), [5]);
    assert!(due[0].1.origin.request_id().is_none());
    window.restore(due);
    window.restore(vec![(None, Failures { account: None, origin: Origin::anonymous(), count: 7 })]);
    let counts: Vec<_> = window.drain(2 * WINDOW).iter().map(|(_, failures)| failures.count).collect();
    assert_eq!(counts, [5, 7]);
}

#[test]
fn repetitions_have_the_caller_but_no_request() {
    let mut window = Window::default();
    let mut origin = of("10.0.0.0/24");
    origin.set_session(Uuid::from_u128(1), Uuid::from_u128(2));
    for _ in 0..2 {
        window.add(AuthFailure::WrongPassword, ACCOUNT, "ada", origin.clone(), 0);
    }
    let due = window.drain(WINDOW);
    let repeated = &due[0].1.origin;
    let actor = repeated.actor();
    assert_eq!((actor.account, actor.credential), (ACCOUNT, Some(Uuid::from_u128(2))));
    assert_eq!((repeated.address(), repeated.request_id()), (Some("10.0.0.0/24"), None));
}
