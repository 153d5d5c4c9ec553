//! The targets of the folder `fuzz`, with deterministic input: the seeds of each target, and mutations of them.
//! `FUZZ_SECONDS` is the duration of each target; by default, each runs a fixed number of inputs.
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    time::{Duration, Instant},
};

/// Inputs of each target without `FUZZ_SECONDS`.
const INPUTS: usize = 3000;
const MAX_SIZE: usize = 16 * 1024;

macro_rules! tests {
    ($($property:ident: $target:ident;)+) => {$(
        #[test]
        fn $property() {
            run(stringify!($target), targets::$target);
        }
    )+};
}

tests! {
    one_well_formed_session_cookie_is_accepted: cookies;
    changed_cursors_are_rejected: cursors;
    entity_tags_are_restored: entity_tags;
    front_matter_is_restored_from_toml_and_yaml: front_matter;
    json_has_the_values_of_another_parser: json;
    forms_do_not_depend_on_chunks: multipart;
    parameters_fit_their_schemas: parameters;
    ranges_are_within_the_representation: ranges;
    exported_redirects_are_restored: redirects_file;
    changed_webhooks_are_rejected: signatures;
    changed_access_tokens_are_rejected: tokens;
}

fn run(name: &str, target: fn(&[u8])) {
    let seeds = seeds(name);
    assert!(seeds.len() > 2, "found {} seeds of {name}", seeds.len());
    seeds.iter().for_each(|seed| check(name, target, seed));
    let seconds = env::var("FUZZ_SECONDS").ok().map(|text| text.parse().expect("FUZZ_SECONDS is a number"));
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut mutator = Mutator { state: 0x9e37_79b9_7f4a_7c15, seeds };
    let mut count = 0;
    while end.map_or(count < INPUTS, |end| Instant::now() < end) {
        check(name, target, &mutator.next());
        count += 1;
    }
    println!("{name}: {count} inputs");
}

/// Runs a target, and prints the input if it panics.
fn check(name: &str, target: fn(&[u8]), input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        println!("{name} fails for b\"{}\"", input.escape_ascii());
        resume_unwind(panic);
    }
}

/// Returns the seeds in the order of their names.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a seed")).collect()
}

struct Mutator {
    state: u64,
    seeds: Vec<Vec<u8>>,
}

impl Mutator {
    /// Returns a number less than `bound`, from a xorshift64* generator.
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) as usize % bound.max(1)
    }

    /// Returns a seed with one to eight changes.
    fn next(&mut self) -> Vec<u8> {
        let seed = self.below(self.seeds.len());
        let mut data = self.seeds[seed].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut data);
            data.truncate(MAX_SIZE);
        }
        data
    }

    fn change(&mut self, data: &mut Vec<u8>) {
        let (start, end) = self.range(data.len());
        let at = self.below(data.len() + 1);
        match self.below(8) {
            0 if at < data.len() => data[at] ^= 1 << self.below(8),
            1 if at < data.len() => data[at] = self.byte(),
            2 => {
                let byte = self.byte();
                data.insert(at, byte);
            }
            3 => _ = data.drain(start..end),
            4 => data.truncate(at),
            5 => {
                let (part, times) = (data[start..end].to_vec(), 1 + self.below(70));
                data.splice(at..at, part.iter().copied().cycle().take(part.len() * times));
            }
            6 => {
                let other = self.below(self.seeds.len());
                let (start, end) = self.range(self.seeds[other].len());
                data.splice(at..at, self.seeds[other][start..end].iter().copied());
            }
            _ => data[start..end].reverse(),
        }
    }

    /// Returns a range of at most 40 positions, or of any length in one case of eight.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let start = self.below(length + 1);
        let longest = if self.below(8) == 0 { length } else { 40 };
        let size = self.below((length - start).min(longest) + 1);
        (start, start + size)
    }

    /// Returns a byte that often has a meaning in the formats, or any byte.
    fn byte(&mut self) -> u8 {
        const SPECIAL: &[u8] = b"\0\t\n\r \"#%&'*+,-./0189:;=?@A[\\]_a{}\x7f\x80\xff";
        if self.below(4) == 0 { self.below(256) as u8 } else { SPECIAL[self.below(SPECIAL.len())] }
    }
}
