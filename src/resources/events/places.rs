//! How many streams there are: in all, and of each caller.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many streams there may be.
#[derive(Debug, Clone, Copy)]
pub struct EventLimits {
    pub all: usize,
    pub caller: usize,
}

#[derive(Default)]
struct Taken {
    all: usize,
    callers: HashMap<String, usize>,
}

#[derive(Clone)]
pub struct Places {
    limits: EventLimits,
    taken: Arc<Mutex<Taken>>,
}

/// One place, free again when it is dropped.
pub struct Place {
    places: Places,
    caller: String,
}

impl Places {
    pub fn new(limits: EventLimits) -> Self {
        Places { limits, taken: Arc::default() }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn take(&self, caller: String) -> Option<Place> {
        let mut taken = self.taken();
        let own = taken.callers.get(&caller).copied().unwrap_or_default();
        if taken.all >= self.limits.all || own >= self.limits.caller {
            return None;
        }
        taken.all += 1;
        taken.callers.insert(caller.clone(), own + 1);
        drop(taken);
        Some(Place { places: self.clone(), caller })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        let left = taken.callers.get_mut(&self.caller).map(|own| {
            *own -= 1;
            *own
        });
        if left == Some(0) {
            taken.callers.remove(&self.caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_shared_out_and_come_back() {
        let places = Places::new(EventLimits { all: 3, caller: 2 });
        let take = |caller: &str| places.take(caller.to_owned());
        let (first, second) = (take("a"), take("a"));
        assert!(first.is_some() && second.is_some() && take("a").is_none());
        let third = take("b");
        assert!(third.is_some() && take("c").is_none());
        drop((first, second));
        assert!(take("a").is_some() && take("c").is_some());
        assert_eq!(places.taken().callers.len(), 1);
    }
}
