use std::fmt;
use std::str::FromStr;

/// Characters that nobody takes for another one on a screen: no 0 and O, 1, I and L, 2 and Z, 5 and S, 8 and B.
const ALPHABET: &[u8; 25] = b"34679ACDEFGHJKMNPQRTUVWXY";
/// Characters of a code: 37 bits.
const LENGTH: usize = 8;
/// Random bytes that a code is made of, two for each character, so that no character is likelier by more than 1 in 2600.
pub const RANDOM_BYTES: usize = 2 * LENGTH;

/// What proves that a box without an owner is one's own: eight characters in two groups, `ACDE-4679`.
///
/// Read in any case of its letters, with or without dashes and spaces.
#[derive(Clone, PartialEq, Eq)]
pub struct SetupCode([u8; LENGTH]);

impl SetupCode {
    /// Returns the code that random bytes make.
    pub fn from_random(random: [u8; RANDOM_BYTES]) -> Self {
        let mut code = [0; LENGTH];
        for (character, pair) in code.iter_mut().zip(random.chunks_exact(2)) {
            let number = pair.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
            *character = ALPHABET[number % ALPHABET.len()];
        }
        Self(code)
    }
}

/// A text that is no set-up code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a set-up code has eight letters and digits, such as ACDE-4679")]
pub struct NotACode;

impl FromStr for SetupCode {
    type Err = NotACode;
    fn from_str(text: &str) -> Result<Self, NotACode> {
        let mut code = [0; LENGTH];
        let mut characters = text.bytes().filter(|byte| *byte != b'-' && !byte.is_ascii_whitespace());
        for character in &mut code {
            let found = characters.next().ok_or(NotACode)?.to_ascii_uppercase();
            *character = ALPHABET.iter().copied().find(|known| *known == found).ok_or(NotACode)?;
        }
        if characters.next().is_some() { Err(NotACode) } else { Ok(Self(code)) }
    }
}

impl fmt::Display for SetupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, character) in self.0.iter().enumerate() {
            let dash = if index == LENGTH / 2 { "-" } else { "" };
            write!(f, "{dash}{}", char::from(*character))?;
        }
        Ok(())
    }
}

/// It gets into no log.
impl fmt::Debug for SetupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetupCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = SetupCode::from_random(*b"any sixteen byte");
        let text = code.to_string();
        assert_eq!((text.len(), text.as_bytes().get(4)), (9, Some(&b'-')));
        let typed = [
            text.clone(),
            text.to_lowercase(),
            text.replace('-', ""),
            format!(" {} \n", text.replace('-', " - ")),
        ];
        for typed in typed {
            assert_eq!(typed.parse(), Ok(code.clone()), "{typed:?}");
        }
        assert_eq!(format!("{code:?}"), "SetupCode(…)");
        for bad in ["", "ACDE-467", "ACDE-46799", "ACDE-467O", "ÄCDE-4679", &"A".repeat(10_000)] {
            assert_eq!(bad.parse::<SetupCode>(), Err(NotACode), "{bad}");
        }
    }

    #[test]
    fn every_character_can_come_and_none_is_taken_for_another() {
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..1000_u16 {
            let pair = number.to_be_bytes();
            let mut random = [0; RANDOM_BYTES];
            random.copy_from_slice(&pair.repeat(LENGTH));
            seen.extend(SetupCode::from_random(random).0);
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ALPHABET);
        assert!(!ALPHABET.iter().any(|known| b"01258OILZSB".contains(known)));
    }
}
