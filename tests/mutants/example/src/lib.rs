//! Functions whose mutants have known outcomes: see `EXAMPLE` in `tests/mutants/run.py`.

/// All mutants are caught.
pub fn is_even(number: u32) -> bool {
    number % 2 == 0
}

/// `>=` returns the same numbers: the mutant is equivalent.
pub fn larger(a: u32, b: u32) -> u32 {
    if a > b { a } else { b }
}

/// Without `- 1` the loop does not end, or not soon. No test distinguishes `0` as the result.
pub fn count_down(mut number: u32) -> u32 {
    while number != 0 {
        number -= 1;
    }
    number
}

/// No test calls it.
pub fn unreached(is_on: bool) -> bool {
    !is_on
}

/// No test has an input for the first arm.
pub fn sign(number: i32) -> i32 {
    match number {
        i32::MIN => -2,
        n if n < 0 => -1,
        0 => 0,
        _ => 1,
    }
}

pub struct Opaque;

/// `Opaque` has no default: the mutant does not compile.
pub fn opaque() -> Opaque {
    Opaque
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert!(is_even(2) && !is_even(3));
        assert!(larger(4, 3) == 4 && larger(3, 4) == 4);
        assert_eq!((sign(-5), sign(0), sign(5)), (-1, 0, 1));
        opaque();
    }

    #[test]
    fn ends() {
        assert_eq!(count_down(1), 0);
    }
}
