/// `8080:80/udp`.
pub(crate) mod port;
/// `./data:/data:ro`.
pub(crate) mod volume;
