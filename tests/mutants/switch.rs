//! Selects the mutant of this process. `tests/mutants/run.py` adds this module to the copy of the sources.
use std::{
    env,
    fs::{File, OpenOptions},
    io::Write,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// The id of the mutant that is on.
static SELECTED: LazyLock<Option<u32>> = LazyLock::new(|| env::var("MUTANT").ok()?.parse().ok());

/// The file of the mutants that were reached, and whether each of them has been written to it.
static REACHED: LazyLock<Option<(File, Vec<AtomicBool>)>> = LazyLock::new(|| {
    let file = OpenOptions::new().create(true).append(true).open(env::var_os("MUTANTS_REACHED")?).ok()?;
    Some((file, std::iter::repeat_with(AtomicBool::default).take(20_000).collect()))
});

/// Returns whether the mutant is on.
pub fn on(id: u32) -> bool {
    if let Some((file, is_written)) = &*REACHED
        && !is_written[id as usize].swap(true, Ordering::Relaxed)
    {
        let mut file = file;
        let _ = file.write_all(format!("{id}\n").as_bytes());
    }
    *SELECTED == Some(id)
}
