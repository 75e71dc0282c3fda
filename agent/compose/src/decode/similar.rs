/// Returns the known key that is at most two changes away.
pub(super) fn similar(unknown: &str, known: &[&'static str]) -> Option<&'static str> {
    let near = known.iter().map(|key| (distance(unknown, key), *key)).min()?;
    (near.0 <= 2 && near.0 < unknown.len()).then_some(near.1)
}

/// Counts the insertions, removals and replacements that make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate().take(64) {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        assert_eq!(similar("imgae", &["image", "init"]), Some("image"));
        assert_eq!(similar("enviroment", &["environment"]), Some("environment"));
        assert_eq!(similar("ab", &["xy"]), None);
        assert_eq!(similar("colour", &["image"]), None);
    }
}
