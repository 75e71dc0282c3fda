/// A tar archive that is written entry by entry, with names and kinds that no honest program would write.
#[derive(Debug, Clone, Default)]
pub struct Tarball(Vec<u8>);

/// What an entry is ([ustar](https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A link to another entry.
    HardLink,
    /// A link to any path.
    SymbolicLink,
    /// A character device.
    Device,
    /// A folder.
    Folder,
    /// A named pipe.
    Pipe,
    /// The name of the next entry, as GNU tar writes long ones.
    LongName,
    /// Facts about the next entry.
    Facts,
}

impl Tarball {
    /// Adds a file.
    #[must_use]
    pub fn file(self, name: &str, bytes: &[u8]) -> Self {
        self.entry(Kind::File, name, "", bytes)
    }

    /// Adds a folder.
    #[must_use]
    pub fn folder(self, name: &str) -> Self {
        self.entry(Kind::Folder, name, "", &[])
    }

    /// Adds any entry; `name` and `target` have at most 100 bytes.
    #[must_use]
    pub fn entry(mut self, kind: Kind, name: &str, target: &str, bytes: &[u8]) -> Self {
        let mut header = [0_u8; 512];
        let mut put = |at: usize, value: &[u8]| header[at..at + value.len()].copy_from_slice(value);
        put(0, name.as_bytes());
        put(100, b"0000755\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", bytes.len()).as_bytes());
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, &[kind.flag()]);
        put(157, target.as_bytes());
        put(257, b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&header);
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// Returns the archive's bytes.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

impl Kind {
    fn flag(self) -> u8 {
        match self {
            Self::File => b'0',
            Self::HardLink => b'1',
            Self::SymbolicLink => b'2',
            Self::Device => b'3',
            Self::Folder => b'5',
            Self::Pipe => b'6',
            Self::LongName => b'L',
            Self::Facts => b'x',
        }
    }
}
