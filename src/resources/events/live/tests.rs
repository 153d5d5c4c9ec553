use std::{
    sync::atomic::{AtomicUsize, Ordering},
    task::Wake,
};

use uuid::Uuid;

use super::*;
use crate::http::{
    auth::{Role, Via},
    event_stream::{DirectWriter, encode_chunk},
};

/// A connection that records what is written, and returns these results. After the last one, all bytes are accepted.
#[derive(Default)]
struct Connection {
    written: Mutex<Vec<String>>,
    results: Mutex<VecDeque<DirectWrite>>,
    resets: AtomicUsize,
}

impl DirectWriter for Connection {
    fn try_write(&self, chunks: &[IoSlice<'_>]) -> DirectWrite {
        let result = self.results.lock().pop_front().unwrap_or(DirectWrite::Done);
        if result != DirectWrite::Rejected {
            let chunks = chunks.iter().map(|chunk| String::from_utf8_lossy(chunk).into_owned());
            self.written.lock().extend(chunks);
        }
        result
    }

    fn reset(&self) {
        self.resets.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Stream {
    live: Live,
    connection: Arc<Connection>,
    wakes: Arc<Wakes>,
    start: Instant,
}

impl Stream {
    fn new(viewer: Option<Principal>, topics: &[Topic]) -> Self {
        let start = Instant::now();
        let live = Live::new(Listener { viewer, topics: topics.to_vec() }, start);
        let (connection, wakes): (Arc<Connection>, Arc<Wakes>) = Default::default();
        live.connection.set(connection.clone());
        Stream { live, connection, wakes, start }
    }

    fn waits(&self) -> bool {
        let waker = Waker::from(self.wakes.clone());
        self.live.poll_queued(&Context::from_waker(&waker)).is_pending()
    }

    fn deliver(&self, positions: impl IntoIterator<Item = i64>, after: Duration) {
        let frames: Vec<_> = positions.into_iter().map(|position| frame(position, Topic::Tags)).collect();
        self.live.deliver(&frames, self.start + after);
    }

    fn written(&self) -> Vec<String> {
        std::mem::take(&mut *self.connection.written.lock())
    }

    fn take(&self) -> Queued {
        self.live.resume();
        self.live.take(self.start)
    }
}

fn frame(position: i64, topic: Topic) -> Arc<Frame> {
    let (bytes, audience) = (Bytes::from(format!("{position};")), Audience::Public);
    Arc::new(Frame { position, topic, audience, chunk: encode_chunk(&bytes), bytes })
}

fn events(text: &'static str) -> Queued {
    Queued::Events(Bytes::from_static(text.as_bytes()))
}

const NOW: Duration = Duration::ZERO;

#[test]
fn events_are_written_only_while_the_body_waits() {
    let stream = Stream::new(None, &[]);
    stream.deliver([1], NOW);
    assert!(!stream.waits());
    assert_eq!(stream.take(), events("1;"));
    assert!(stream.waits());
    stream.deliver([2, 3], NOW);
    assert_eq!(stream.written(), ["2\r\n2;\r\n", "2\r\n3;\r\n"]);
    stream.live.resume();
    stream.deliver([4], NOW);
    stream.deliver([5], NOW);
    assert_eq!((stream.written(), stream.wakes.0.load(Ordering::SeqCst)), (vec![], 1));
    assert_eq!((stream.take(), stream.take()), (events("4;5;"), Queued::Nothing));
}

#[test]
fn events_that_the_log_contained_and_other_topics_are_omitted() {
    let stream = Stream::new(None, &[Topic::Tags]);
    stream.deliver([3, 4, 5], NOW);
    stream.live.skip_to(4);
    assert_eq!(stream.take(), events("5;"));
    assert!(stream.waits());
    stream.live.deliver(&[frame(5, Topic::Tags), frame(6, Topic::Posts)], stream.start);
    assert_eq!((stream.written().len(), stream.live.resume().0), (0, Some(6)));
}

#[test]
fn events_after_a_rejected_or_partial_write_are_queued_and_wake_the_body() {
    for (result, written, queued) in [
        (DirectWrite::Rejected, 0, "1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;"),
        (DirectWrite::Partial, 16, "17;18;"),
    ] {
        let stream = Stream::new(None, &[]);
        assert!(stream.waits());
        stream.connection.results.lock().push_back(result);
        stream.deliver(1..=18, NOW);
        assert_eq!((stream.written().len(), stream.wakes.0.load(Ordering::SeqCst)), (written, 1));
        assert_eq!(stream.take(), events(queued));
    }
    let stream = Stream::new(None, &[]);
    assert!(stream.waits());
    stream.connection.results.lock().push_back(DirectWrite::Partial);
    stream.deliver([1], NOW);
    assert_eq!(stream.wakes.0.load(Ordering::SeqCst), 1, "the connection writes the rest");
}

#[test]
fn a_stream_ends_if_its_client_is_too_slow() {
    let stream = Stream::new(None, &[]);
    stream.deliver(1..=MAX_LAG as i64, NOW);
    assert!(matches!(stream.take(), Queued::Events(_)));
    stream.deliver(2000..2016, NOW);
    assert!(matches!(stream.take(), Queued::Events(_)));
    stream.deliver(3000..3017, NOW);
    assert_eq!((stream.waits(), stream.take()), (false, Queued::Lagging));
}

#[test]
fn resets_the_connection_of_a_stream_that_has_ended_and_is_not_read() {
    for (events, resets) in [(MAX_LAG as i64, 0), (MAX_LAG as i64 + 1, 1)] {
        let stream = Stream::new(None, &[]);
        assert!(stream.waits());
        stream.connection.results.lock().push_back(DirectWrite::Partial);
        stream.deliver([1], Duration::ZERO);
        // The body is woken, and cannot write.
        stream.live.resume();
        stream.deliver(2..2 + events, Duration::from_secs(1));
        stream.deliver([], RESET_AFTER - Duration::from_millis(1));
        assert_eq!(stream.connection.resets.load(Ordering::SeqCst), 0);
        stream.deliver([], RESET_AFTER);
        assert_eq!(stream.connection.resets.load(Ordering::SeqCst), resets, "{events} events");
    }
}

#[test]
fn no_event_is_written_with_a_credential_that_was_not_validated_recently() {
    let viewer = Principal { user: Uuid::nil(), role: Role::Admin, via: Via::Cli };
    let stream = Stream::new(Some(viewer), &[]);
    assert!(stream.waits());
    stream.deliver([1], REVALIDATE_AFTER);
    assert_eq!(stream.written().len(), 1);
    let late = REVALIDATE_AFTER + Duration::from_millis(1);
    stream.deliver([2], late);
    assert!(stream.written().is_empty() && stream.live.must_validate(stream.start + late));
    assert_eq!(stream.wakes.0.load(Ordering::SeqCst), 1);
    stream.live.validated(stream.start + late);
    assert_eq!(stream.take(), events("2;"));
    assert!(stream.waits());
    stream.deliver([3], late);
    assert_eq!(stream.written().len(), 1);
}

#[test]
fn a_heartbeat_is_due_after_the_last_write_and_contains_the_last_position() {
    let stream = Stream::new(None, &[Topic::Tags]);
    assert!(stream.waits());
    stream.deliver([1], Duration::from_secs(10));
    stream.live.deliver(&[frame(2, Topic::Posts)], stream.start + Duration::from_secs(12));
    assert_eq!(stream.live.resume(), (Some(2), stream.start + Duration::from_secs(10)));
}

#[test]
fn a_heartbeat_is_not_sent_before_queued_events() {
    let stream = Stream::new(None, &[]);
    assert!(stream.waits());
    stream.connection.results.lock().push_back(DirectWrite::Rejected);
    stream.deliver([1], NOW);
    assert_eq!(stream.live.resume().0, None);
    assert_eq!(stream.take(), events("1;"));
    assert_eq!(stream.live.resume().0, Some(1));
}
