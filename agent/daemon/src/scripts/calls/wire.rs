//! First a script's words, as one JSON list behind its length; then frames from the agent, and the script's standard input
//! as it comes, once it is asked for. A frame is its kind (a byte), its length (four bytes, big end first), its content.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Most bytes of a script's words, and of one frame.
const MAX_BYTES: u32 = 1024 * 1024;

/// What the agent sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// From now on the script's standard input is read.
    Input,
    /// For its output.
    Output(Vec<u8>),
    /// For its error output.
    Errors(Vec<u8>),
    /// The last one: the exit code.
    Ended(u8),
}

/// Sends the words of a call.
///
/// # Errors
/// When the other end is gone, or the words are too long.
pub async fn write_words(to: &mut (impl AsyncWrite + Unpin), words: &[String]) -> io::Result<()> {
    let words = serde_json::to_vec(words)?;
    to.write_u32(length(&words)?).await?;
    to.write_all(&words).await?;
    to.flush().await
}

/// Reads the words of a call.
///
/// # Errors
/// When the other end is gone, or sends something else.
pub async fn read_words(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<String>> {
    let words = read_counted(from).await?;
    Ok(serde_json::from_slice(&words)?)
}

/// Sends a frame.
///
/// # Errors
/// When the other end is gone.
pub async fn write(to: &mut (impl AsyncWrite + Unpin), frame: &Frame) -> io::Result<()> {
    let (kind, content): (u8, &[u8]) = match frame {
        Frame::Input => (0, &[]),
        Frame::Output(bytes) => (1, bytes),
        Frame::Errors(bytes) => (2, bytes),
        Frame::Ended(code) => (3, std::slice::from_ref(code)),
    };
    let length = length(content)?;
    to.write_u8(kind).await?;
    to.write_u32(length).await?;
    to.write_all(content).await?;
    to.flush().await
}

/// Reads a frame.
///
/// # Errors
/// When the other end is gone, or sends something else.
pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Frame> {
    let kind = from.read_u8().await?;
    let content = read_counted(from).await?;
    match (kind, content.as_slice()) {
        (0, []) => Ok(Frame::Input),
        (1, _) => Ok(Frame::Output(content)),
        (2, _) => Ok(Frame::Errors(content)),
        (3, [code]) => Ok(Frame::Ended(*code)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of kind {kind}"))),
    }
}

async fn read_counted(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    if length > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{length} bytes at once")));
    }
    let mut content = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    from.read_exact(&mut content).await?;
    Ok(content)
}

fn length(content: &[u8]) -> io::Result<u32> {
    let length = u32::try_from(content.len()).ok().filter(|length| *length <= MAX_BYTES);
    length.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{} bytes at once", content.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_sent_is_read() {
        let (mut here, mut there) = tokio::io::duplex(1024);
        let words = ["compose", "a b", "", "ü"].map(str::to_owned);
        write_words(&mut here, &words).await.expect("sent");
        assert_eq!(read_words(&mut there).await.expect("read"), words);
        for frame in
            [Frame::Input, Frame::Output(b"x\0y".to_vec()), Frame::Errors(Vec::new()), Frame::Ended(7)]
        {
            write(&mut here, &frame).await.expect("sent");
            assert_eq!(read(&mut there).await.expect("read"), frame);
        }
    }

    #[tokio::test]
    async fn what_is_no_frame_is_refused() {
        for bytes in [&[9, 0, 0, 0, 0][..], &[1, 0xff, 0, 0, 0], &[3, 0, 0, 0, 2, 1, 1], &[1, 0, 0, 0, 5, 1]]
        {
            assert!(read(&mut &*bytes).await.is_err(), "{bytes:?} was taken");
        }
        assert!(read_words(&mut &[0, 0, 0, 2, b'{', b'}'][..]).await.is_err());
        let long = vec!["x".repeat(2 << 20)];
        assert!(write_words(&mut Vec::new(), &long).await.is_err());
    }
}
