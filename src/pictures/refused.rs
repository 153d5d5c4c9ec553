//! Why a picture is not taken, in words for the person who sent it.
use std::{fmt, io::ErrorKind};

use super::limits;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The bytes are of no kind that is taken.
    Kind,
    /// The bytes say a kind and are not a whole picture of it.
    Broken,
    /// A kind that is taken, written in a way that is not.
    Coding,
    /// A picture that moves and is no GIF.
    Animated,
    TooManyPixels,
    TooManyFrames,
    TooLarge,
    TooSlow,
    /// The file could not be read, which is no fault of who sent it.
    Unreadable(ErrorKind),
}

impl fmt::Display for Refused {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Kind => to.write_str(
                "this is not a JPEG, PNG, WebP or GIF picture; save it as one of these and send it again",
            ),
            Refused::Broken => to.write_str(
                "this picture is damaged or cut off; open it in a picture program, save it again and send that",
            ),
            Refused::Coding => to.write_str(
                "this picture is written in a rare way that is not taken; save it as an ordinary JPEG or PNG",
            ),
            Refused::Animated => to.write_str(
                "moving pictures are taken as GIF only; send a moving GIF, or a picture that stands still",
            ),
            Refused::TooManyPixels => write!(
                to,
                "this picture has too many pixels; make it smaller than {} million pixels (25 million if it is \
                 transparent or progressive) and {} on each side",
                limits::PIXELS / 1_000_000,
                limits::SIDE
            ),
            Refused::TooManyFrames => {
                write!(to, "this picture has more than {} frames; send a shorter one", limits::FRAMES)
            }
            Refused::TooLarge => write!(
                to,
                "this picture is larger than {} MiB; send it with fewer pixels or as a JPEG",
                limits::SENT >> 20
            ),
            Refused::TooSlow => write!(
                to,
                "this picture takes longer than {} seconds to read; send it with fewer pixels or frames",
                limits::TIME.as_secs()
            ),
            Refused::Unreadable(kind) => write!(to, "the picture could not be read: {kind}"),
        }
    }
}

impl std::error::Error for Refused {}
