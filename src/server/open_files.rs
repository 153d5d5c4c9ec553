//! The limit of open files of this process. Each connection is one.
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Returns the soft limit. A limit of "unlimited" is `usize::MAX`.
pub fn soft_limit() -> usize {
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |limit| limit as usize)
}

/// Raises the soft limit to the hard one. Most systems set a soft limit of 1024 for programs that use `select`, and a hard
/// one that servers may use.
pub fn raise_limit() -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(())
}
