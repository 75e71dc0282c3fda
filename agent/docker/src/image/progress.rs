use std::collections::BTreeMap;

use bollard::models::CreateImageInfo;
use hearth_model::condition::ImageProgress;

/// Layers of one pull, by the short id that the engine gives them.
#[derive(Debug, Default)]
pub(super) struct Layers {
    by_id: BTreeMap<String, Layer>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Layer {
    done_bytes: u64,
    total_bytes: u64,
    extracted_bytes: u64,
    done: bool,
}

impl Layers {
    /// Takes in one message of the engine; tells whether anything came further.
    ///
    /// Words are those of [moby's pull](https://github.com/moby/moby/blob/v20.10.24/distribution/xfer/download.go).
    /// "Waiting" and "Retrying in 5 seconds" are no progress.
    pub(super) fn read(&mut self, message: &CreateImageInfo) -> bool {
        let (Some(id), Some(status)) = (&message.id, &message.status) else { return false };
        let detail = message.progress_detail.as_ref();
        let number = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        let current = number(detail.and_then(|detail| detail.current)).unwrap_or_default();
        let total = number(detail.and_then(|detail| detail.total)).unwrap_or_default();
        let is_new = !self.by_id.contains_key(id);
        let before = self.by_id.get(id).copied().unwrap_or_default();
        let mut layer = before;
        match status.as_str() {
            "Pulling fs layer" => {}
            "Downloading" => {
                layer.total_bytes = total.max(current).max(layer.total_bytes);
                layer.done_bytes = current;
            }
            "Verifying Checksum" | "Download complete" => layer.done_bytes = layer.total_bytes,
            "Extracting" => {
                layer.total_bytes = total.max(layer.total_bytes);
                layer.done_bytes = layer.total_bytes;
                layer.extracted_bytes = current;
            }
            "Pull complete" | "Already exists" => {
                layer.done_bytes = layer.total_bytes;
                layer.done = true;
            }
            // "Pulling from library/redis" carries the tag as its id.
            _ => return false,
        }
        self.by_id.insert(id.clone(), layer);
        is_new || layer != before
    }

    pub(super) fn sum(&self) -> ImageProgress {
        let count = |layers: usize| u32::try_from(layers).unwrap_or(u32::MAX);
        ImageProgress {
            done_bytes: self.by_id.values().map(|layer| layer.done_bytes).sum(),
            total_bytes: self.by_id.values().map(|layer| layer.total_bytes).sum(),
            layers_done: count(self.by_id.values().filter(|layer| layer.done).count()),
            layers_total: count(self.by_id.len()),
            complete: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    fn message(id: &str, status: &str, current: i64, total: i64) -> CreateImageInfo {
        CreateImageInfo {
            id: Some(id.to_owned()),
            status: Some(status.to_owned()),
            progress_detail: Some(ProgressDetail { current: Some(current), total: Some(total) }),
            ..CreateImageInfo::default()
        }
    }

    #[test]
    fn bytes_of_all_layers_are_added_up() {
        let mut layers = Layers::default();
        assert!(!layers.read(&message("7", "Pulling from library/redis", 0, 0)));
        for (id, status, current, total) in [
            ("a", "Pulling fs layer", 0, 0),
            ("b", "Pulling fs layer", 0, 0),
            ("c", "Already exists", 0, 0),
            ("a", "Downloading", 50, 100),
            ("b", "Downloading", 10, 30),
            ("a", "Download complete", 0, 0),
        ] {
            assert!(layers.read(&message(id, status, current, total)), "{id} {status}");
        }
        let sum = layers.sum();
        assert_eq!((sum.done_bytes, sum.total_bytes), (110, 130));
        assert_eq!((sum.layers_done, sum.layers_total), (1, 3));
    }

    #[test]
    fn waiting_and_retrying_are_no_progress() {
        let mut layers = Layers::default();
        layers.read(&message("a", "Downloading", 50, 100));
        assert!(!layers.read(&message("a", "Waiting", 0, 0)));
        assert!(!layers.read(&message("a", "Retrying in 5 seconds", 0, 0)));
        assert!(!layers.read(&message("a", "Downloading", 50, 100)));
        assert!(layers.read(&message("a", "Extracting", 32, 100)));
    }
}
