/// Stands between a container's name and a random number in the name of one that a script runs for a while.
const RUN: &str = "_run_";

/// Returns the name of a container that a script of the package runs once, like `docker compose run` does.
pub fn one_off_name(of: &str, random: [u8; 4]) -> String {
    format!("{of}{RUN}{}", hex::encode(random))
}

/// Tells whether a container has a name of [`one_off_name`]. What such a container keeps in anonymous volumes goes with it.
pub fn is_one_off(name: &str) -> bool {
    let Some((_, number)) = name.rsplit_once(RUN) else { return false };
    number.len() == 8 && number.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_of_a_script_is_told_by_its_name() {
        assert!(is_one_off(&one_off_name("blog_web_1", [1, 2, 3, 255])));
        for other in ["blog_web_1", "a_run_1", "a_run_1234567g", "dry_run_1"] {
            assert!(!is_one_off(other), "{other}");
        }
    }
}
