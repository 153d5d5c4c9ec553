//! Reads choices from the input of a target.

/// The unread bytes of an input. At its end, choices are zero and texts are empty.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Input(data)
    }

    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    /// Returns a number less than `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let number = usize::from(self.byte()) << 8 | usize::from(self.byte());
        number % bound.max(1)
    }

    /// Returns the text before the next line break.
    pub fn line(&mut self) -> String {
        let end = self.0.iter().position(|byte| *byte == b'\n');
        let (line, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        String::from_utf8_lossy(line).into_owned()
    }

    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Replaces, inserts or removes one printable character of an ASCII text, or cuts the text. Returns `None` if the
    /// result is equal to the text.
    pub fn mutated(&mut self, text: &str) -> Option<String> {
        let mut bytes = text.as_bytes().to_vec();
        let (at, character) = (self.below(bytes.len()), b' ' + self.byte() % 95);
        match self.byte() % 4 {
            0 if at < bytes.len() => bytes[at] = character,
            1 if at < bytes.len() => _ = bytes.remove(at),
            2 => bytes.truncate(at),
            _ => bytes.insert(at, character),
        }
        String::from_utf8(bytes).ok().filter(|mutated| mutated != text)
    }
}
