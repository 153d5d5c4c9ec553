use std::{future::poll_fn, time::Duration};

use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpSocket, TcpStream},
};

use super::*;

/// Bytes of a write that the buffers of the kernel cannot hold.
const LARGE: usize = 16 * 1024 * 1024;

async fn connect() -> (Arc<SocketWriter>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    let client = socket.connect(listener.local_addr().unwrap()).await.unwrap();
    let (_, write) = listener.accept().await.unwrap().0.into_split();
    write.writable().await.unwrap();
    (SocketWriter::new(write), client)
}

async fn flush(writer: &SocketWriter) -> bool {
    poll_fn(|cx| writer.poll_flush(cx)).await.unwrap()
}

#[tokio::test]
async fn chunks_are_written_only_after_a_flush() {
    let (writer, mut client) = connect().await;
    let chunk = [IoSlice::new(b"1"), IoSlice::new(b"2")];
    assert_eq!(writer.try_write(&chunk), DirectWrite::Rejected);
    assert!(!flush(&writer).await);
    assert_eq!(writer.try_write(&chunk), DirectWrite::Done);
    writer.pause();
    assert_eq!(writer.try_write(&chunk), DirectWrite::Rejected);
    assert_eq!(poll_fn(|cx| writer.poll_write(cx, b"3")).await.unwrap(), 1);
    flush(&writer).await;
    assert_eq!(writer.try_write(&chunk[..1]), DirectWrite::Done);
    writer.close(false);
    assert_eq!(writer.try_write(&chunk), DirectWrite::Rejected);
    let mut received = String::new();
    client.read_to_string(&mut received).await.unwrap();
    assert_eq!(received, "1231");
}

#[tokio::test]
async fn the_rest_of_a_partial_write_precedes_later_bytes() {
    for by_flush in [false, true] {
        let (writer, mut client) = connect().await;
        flush(&writer).await;
        let (first, second) = (vec![b'1'; LARGE], vec![b'2'; 100]);
        let chunks = [IoSlice::new(&first), IoSlice::new(&second)];
        assert_eq!(writer.try_write(&chunks), DirectWrite::Partial);
        assert_eq!(writer.try_write(&chunks), DirectWrite::Rejected);
        let reader = tokio::spawn(async move {
            let mut received = Vec::new();
            client.read_to_end(&mut received).await.unwrap();
            received
        });
        if by_flush {
            assert!(flush(&writer).await, "the rest was flushed");
        }
        poll_fn(|cx| writer.poll_write(cx, b"3")).await.unwrap();
        poll_fn(|cx| writer.poll_shutdown(cx)).await.unwrap();
        let received = tokio::time::timeout(Duration::from_secs(60), reader).await.unwrap().unwrap();
        assert_eq!(received.len(), LARGE + 101);
        assert!(received == [first, second, b"3".to_vec()].concat());
    }
}

#[tokio::test]
async fn a_reset_ends_a_pending_write() {
    let (writer, mut client) = connect().await;
    let pending = tokio::spawn({
        let writer = writer.clone();
        async move {
            let bytes = vec![b'1'; LARGE];
            // The client does not read, so the buffers of the kernel are full after some writes.
            loop {
                if let Err(error) = poll_fn(|cx| writer.poll_write(cx, &bytes)).await {
                    return error.kind();
                }
            }
        }
    });
    while writer.0.lock().waker.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    writer.reset();
    let error = tokio::time::timeout(Duration::from_secs(60), pending).await.unwrap().unwrap();
    assert_eq!(error, io::ErrorKind::BrokenPipe);
    let read = client.read_to_end(&mut Vec::new()).await;
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}
