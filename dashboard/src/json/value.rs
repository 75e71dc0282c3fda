use super::Error;

/// Deepest nesting that is read: what the API says is far flatter.
const DEEPEST: usize = 64;

/// What a JSON text says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Unsigned(u64),
    /// Below zero.
    Signed(i64),
    /// With a fraction or an exponent, or beyond 64 bits.
    Real(f64),
    Text(String),
    List(Vec<Value>),
    /// In the text's order.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// Reads a text ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)).
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let mut parser = Parser { text, at: 0 };
        let value = parser.value(0)?;
        parser.skip_space();
        if parser.at < text.len() { Err(parser.wrong()) } else { Ok(value) }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        self.skip_space();
        match self.peek() {
            _ if depth > DEEPEST => Err(self.wrong()),
            b'n' => self.word("null", Value::Null),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'"' => self.string().map(Value::Text),
            b'[' => self.list(depth),
            b'{' => self.object(depth),
            _ => self.number(),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Error> {
        let mut items = Vec::new();
        self.at += 1;
        while !self.ends(b']', items.is_empty())? {
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::List(items))
    }

    fn object(&mut self, depth: usize) -> Result<Value, Error> {
        let mut fields = Vec::new();
        self.at += 1;
        while !self.ends(b'}', fields.is_empty())? {
            self.skip_space();
            let name = self.string()?;
            self.skip_space();
            self.expect(b':')?;
            fields.push((name, self.value(depth + 1)?));
        }
        Ok(Value::Object(fields))
    }

    /// Tells whether a list or an object ends here, and reads the comma between two entries when it does not.
    fn ends(&mut self, close: u8, is_empty: bool) -> Result<bool, Error> {
        self.skip_space();
        if self.peek() == close {
            self.at += 1;
            return Ok(true);
        }
        if !is_empty {
            self.expect(b',')?;
        }
        Ok(false)
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Error> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.wrong());
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        let negative = self.peek() == b'-';
        self.at += usize::from(negative);
        let whole = self.digits()?;
        if self.text.as_bytes().get(start + usize::from(negative)) == Some(&b'0') && whole.len() > 1 {
            return Err(self.wrong());
        }
        let mut digits = whole.to_owned();
        let mut exponent = 0_i32;
        if self.peek() == b'.' {
            self.at += 1;
            let fraction = self.digits()?;
            digits.push_str(fraction);
            exponent -= i32::try_from(fraction.len()).unwrap_or(i32::MAX);
        }
        let is_real = self.at - start > whole.len() + usize::from(negative);
        let has_exponent = matches!(self.peek(), b'e' | b'E');
        if has_exponent {
            self.at += 1;
            let below_one = self.peek() == b'-';
            self.at += usize::from(matches!(self.peek(), b'-' | b'+'));
            let power: i32 = self.digits()?.parse().unwrap_or(i32::MAX);
            exponent = exponent.saturating_add(if below_one { -power } else { power });
        }
        match (digits.parse::<u64>(), is_real || has_exponent, negative) {
            (Ok(number), false, false) => Ok(Value::Unsigned(number)),
            (Ok(number), false, true) if 0_i64.checked_sub_unsigned(number).is_some() => {
                Ok(Value::Signed(0_i64.wrapping_sub_unsigned(number)))
            }
            _ => Ok(Value::Real(real(&digits, exponent, negative))),
        }
    }

    fn digits(&mut self) -> Result<&'a str, Error> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if start == self.at { Err(self.wrong()) } else { Ok(&self.text[start..self.at]) }
    }

    fn string(&mut self) -> Result<String, Error> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), b'"' | b'\\' | 0..=0x1f) {
                self.at += 1;
            }
            out.push_str(&self.text[start..self.at]);
            match self.next() {
                b'"' => return Ok(out),
                b'\\' => out.push(self.escape()?),
                _ => return Err(self.wrong()),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        Ok(match self.next() {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            other @ (b'"' | b'\\' | b'/') => char::from(other),
            b'u' => {
                let first = self.unit()?;
                let mut units = vec![first];
                // The other half of a character beyond 16 bits.
                if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
                    self.at += 2;
                    units.push(self.unit()?);
                }
                let character = char::decode_utf16(units).next().and_then(Result::ok);
                character.unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(self.wrong()),
        })
    }

    fn unit(&mut self) -> Result<u16, Error> {
        let digits = self.text.get(self.at..self.at + 4).ok_or_else(|| self.wrong())?;
        let unit = u16::from_str_radix(digits, 16).map_err(|_| self.wrong())?;
        self.at += 4;
        Ok(unit)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.next() == byte { Ok(()) } else { Err(self.wrong()) }
    }

    fn next(&mut self) -> u8 {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    /// Zero at the end; in JSON it stands nowhere.
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn wrong(&self) -> Error {
        Error(["not JSON at byte ", &self.at.to_string()].concat())
    }
}

/// Near enough for what is shown; the exact way needs a table of ten kilobytes.
fn real(digits: &str, exponent: i32, negative: bool) -> f64 {
    let whole = digits.bytes().fold(0.0, |sum, digit| sum * 10.0 + f64::from(digit - b'0'));
    let power = 10_f64.powi(exponent.saturating_abs());
    let value = if exponent < 0 { whole / power } else { whole * power };
    if negative { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What serde_json reads, in our words.
    fn expected(value: serde_json::Value) -> Value {
        match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(value),
            serde_json::Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => Value::Unsigned(number),
                (None, Some(number)) => Value::Signed(number),
                (None, None) => Value::Real(number.as_f64().expect("a number")),
            },
            serde_json::Value::String(text) => Value::Text(text),
            serde_json::Value::Array(items) => Value::List(items.into_iter().map(expected).collect()),
            serde_json::Value::Object(fields) => {
                Value::Object(fields.into_iter().map(|(name, value)| (name, expected(value))).collect())
            }
        }
    }

    #[test]
    fn texts_are_read_as_serde_json_reads_them() {
        for text in [
            r#" { "a" : [ 1 , -2, 0, 18446744073709551615, -9223372036854775808 ] , "b" : { } , "c":[]}"#,
            r#"["", "\"\\\/\b\f\n\r\t", "\u00e9\ud83d\ude00 é😀", null, true, false]"#,
            "[1.5, -0.25, 1e3, 2E-2, 18446744073709551616]",
            "7",
        ] {
            let known = expected(serde_json::from_str(text).expect("JSON"));
            assert_eq!(Value::parse(text).expect("JSON"), known, "{text}");
        }
        assert_eq!(Value::parse(r#""\ud83d""#).expect("JSON"), Value::Text("\u{fffd}".into()));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let deep = "[".repeat(100_000);
        for text in [
            "",
            "{",
            "[1,]",
            "[1 2]",
            "{\"a\"}",
            "{a:1}",
            "nul",
            "01",
            "1.",
            "-",
            "1e",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"a\nb\"",
            "1 2",
            "\u{0}",
            "\"\\u12é\"",
            "\"\\",
            &deep,
        ] {
            assert!(Value::parse(text).is_err(), "{text:.20}");
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text:.20}");
        }
    }
}
