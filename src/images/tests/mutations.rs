//! Random mutations of images cause no panic in a decoder. The tests do not catch panics, as `sanitize` does.
use super::{
    samples::{self, Random},
    sanitized,
};

const MUTATIONS: usize = 2_000;

#[test]
fn mutated_images_cause_no_panic() {
    let samples = samples::all();
    let mut random = Random(42);
    let mut accepted = 0;
    for round in 0..MUTATIONS {
        let (_, image) = &samples[round % samples.len()];
        let bytes = mutated(image, &mut random);
        if let Ok(clean) = sanitized(&bytes) {
            assert!(clean.width > 0 && clean.height > 0 && !clean.bytes.is_empty());
            accepted += 1;
        }
    }
    assert!((1..MUTATIONS).contains(&accepted), "{accepted} were accepted");
}

fn mutated(image: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = image.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(8) {
            0 => bytes.truncate(at.max(1)),
            1 => bytes.insert(at, random.next() as u8),
            2 => drop(bytes.remove(at)),
            3 => bytes[at] = 0xFF,
            4 => {
                let end = (at + random.below(64)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.extend(part);
            }
            // Headers are at the start of a file.
            5 => {
                let at = at % 64.min(bytes.len());
                bytes[at] = random.next() as u8;
            }
            6 => bytes[at] ^= 1 << random.below(8),
            _ => bytes[at] = random.next() as u8,
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}
