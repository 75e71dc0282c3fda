//! What a channel of releases serves besides the metadata that `tough` reads: the index of chunks and the description of a
//! release. Both are read before anything of them is known to be right.

use hearth_model::os::ReleaseVersion;
use hearth_update::{index, release};

pub fn read(data: &[u8]) {
    if let Ok(chunks) = index::decode(data) {
        let again = index::encode(&chunks).expect("what was read can be written");
        assert_eq!(index::decode(&again).ok(), Some(chunks));
    }
    if let Ok(description) = serde_json::from_slice::<release::Description>(data) {
        let version: ReleaseVersion = "1.2.3".parse().expect("a version");
        let _ = description.check("x86-64", version);
        let _ = description.release("digest".to_owned());
    }
}
