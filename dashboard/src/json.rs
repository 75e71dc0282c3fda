use std::fmt;

use serde::Deserializer;
use serde::de::value::StringDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer as _, Unexpected, Visitor,
};

use self::value::Value;

/// JSON as text.
mod value;

/// Why a text is not what was expected, in a few words.
#[derive(Debug)]
pub(crate) struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Words of its own instead of serde's, which bring the code that words every value and every type.
impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self("a value is of another kind than expected".to_owned())
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self("a value is out of range".to_owned())
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self("a list is longer or shorter than expected".to_owned())
    }

    fn unknown_variant(variant: &str, _: &'static [&'static str]) -> Self {
        Self(["`", variant, "` is not known"].concat())
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self(["field `", field, "` is not known"].concat())
    }

    fn missing_field(field: &'static str) -> Self {
        Self(["field `", field, "` is missing"].concat())
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self(["field `", field, "` is there twice"].concat())
    }
}

/// Reads JSON.
///
/// It reads what the API says and no more: a struct is an object, never a list, and a variant is a word, alone or as the
/// tag in an object. serde_json takes the other forms as well, and the code for these, once per type, would be a good part
/// of what a browser loads, as would its tables for exact fractions.
///
/// # Errors
/// When the text is not JSON, or not a `T`.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    T::deserialize(Node(Value::parse(text)?))
}

struct Node(Value);

impl Node {
    fn mismatch<T>() -> Result<T, Error> {
        Err(Error("a value is of another kind than expected".to_owned()))
    }

    #[inline(never)]
    fn object(self) -> Result<Fields, Error> {
        match self.0 {
            Value::Object(fields) => Ok(Fields { rest: fields.into_iter(), value: Value::Null }),
            _ => Self::mismatch(),
        }
    }

    #[inline(never)]
    fn list(self) -> Result<Items, Error> {
        match self.0 {
            Value::List(items) => Ok(Items(items.into_iter())),
            _ => Self::mismatch(),
        }
    }

    #[inline(never)]
    fn text(self) -> Result<String, Error> {
        match self.0 {
            Value::Text(text) => Ok(text),
            _ => Self::mismatch(),
        }
    }

    #[inline(never)]
    fn unsigned(self) -> Result<u64, Error> {
        match self.0 {
            Value::Unsigned(number) => Ok(number),
            _ => Self::mismatch(),
        }
    }

    #[inline(never)]
    fn signed(self) -> Result<i64, Error> {
        match self.0 {
            Value::Unsigned(number) => i64::try_from(number).or_else(|_| Self::mismatch()),
            Value::Signed(number) => Ok(number),
            _ => Self::mismatch(),
        }
    }

    #[inline(never)]
    fn real(self) -> Result<f64, Error> {
        #[expect(clippy::cast_precision_loss, reason = "a field of this type asks for no more")]
        match self.0 {
            Value::Unsigned(number) => Ok(number as f64),
            Value::Signed(number) => Ok(number as f64),
            Value::Real(number) => Ok(number),
            _ => Self::mismatch(),
        }
    }

    #[inline(never)]
    fn bool(self) -> Result<bool, Error> {
        match self.0 {
            Value::Bool(value) => Ok(value),
            _ => Self::mismatch(),
        }
    }
}

// What is the same for every type stands in functions of its own, never inlined: the rest is there once per type.

/// Methods that call one other of the visitor's, whatever the width of the number or the owner of the text.
macro_rules! forward {
    ($($method:ident: $read:ident, $visit:ident;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.$read()?)
        })*
    };
}

impl<'de> Deserializer<'de> for Node {
    type Error = Error;

    forward! {
        deserialize_bool: bool, visit_bool;
        deserialize_u8: unsigned, visit_u64;
        deserialize_u16: unsigned, visit_u64;
        deserialize_u32: unsigned, visit_u64;
        deserialize_u64: unsigned, visit_u64;
        deserialize_i8: signed, visit_i64;
        deserialize_i16: signed, visit_i64;
        deserialize_i32: signed, visit_i64;
        deserialize_i64: signed, visit_i64;
        deserialize_f32: real, visit_f64;
        deserialize_f64: real, visit_f64;
        deserialize_char: text, visit_string;
        deserialize_str: text, visit_string;
        deserialize_string: text, visit_string;
        deserialize_identifier: text, visit_string;
    }

    /// Reads the content of an object before its tag is known.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Unsigned(number) => visitor.visit_u64(number),
            Value::Signed(number) => visitor.visit_i64(number),
            Value::Real(number) => visitor.visit_f64(number),
            Value::Text(text) => visitor.visit_string(text),
            list @ Value::List(_) => visitor.visit_seq(Node(list).list()?),
            object @ Value::Object(_) => visitor.visit_map(Node(object).object()?),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0 == Value::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self.list()?)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self.object()?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(self.object()?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let word: StringDeserializer<Error> = self.text()?.into_deserializer();
        visitor.visit_enum(word)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { bytes byte_buf unit unit_struct tuple tuple_struct }
}

struct Items(std::vec::IntoIter<Value>);

impl Items {
    #[inline(never)]
    fn take(&mut self) -> Option<Node> {
        self.0.next().map(Node)
    }
}

impl<'de> de::SeqAccess<'de> for Items {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(item) = self.take() else { return Ok(None) };
        seed.deserialize(item).map(Some)
    }
}

struct Fields {
    rest: std::vec::IntoIter<(String, Value)>,
    value: Value,
}

impl Fields {
    #[inline(never)]
    fn take_name(&mut self) -> Option<Node> {
        let (name, value) = self.rest.next()?;
        self.value = value;
        Some(Node(Value::Text(name)))
    }

    #[inline(never)]
    fn take_value(&mut self) -> Node {
        Node(std::mem::replace(&mut self.value, Value::Null))
    }
}

impl<'de> de::MapAccess<'de> for Fields {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(name) = self.take_name() else { return Ok(None) };
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(self.take_value())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hearth_model::api::session::{Role, SessionState, User};
    use hearth_model::desired::Actor;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Sample {
        name: String,
        #[serde(default)]
        ports: BTreeMap<String, u16>,
        note: Option<i64>,
        by: Actor,
        share: f64,
        on: bool,
    }

    const SAMPLE: &str = r#"{"name":"a\"ü","ports":{"80/tcp":8080},"by":{"kind":"user","name":"mia"},"share":1.5,
        "on":true,"later":{"more":[1,null]}}"#;

    #[test]
    fn what_the_api_says_is_read_as_serde_json_does() {
        let sample: Sample = read(SAMPLE).expect("a sample");
        assert_eq!(sample, serde_json::from_str(SAMPLE).expect("a sample"));
        let user = User { username: "mia".into(), role: Role::Owner };
        let state = SessionState::SignedIn { user, key: None, device: None };
        let text = serde_json::to_string(&state).expect("plain data");
        assert_eq!(read::<SessionState>(&text).expect("a state"), state);
        assert_eq!(read::<Vec<Option<i64>>>("[-1,null,2]").expect("numbers"), [Some(-1), None, Some(2)]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text: &str| read::<Sample>(text).expect_err("wrong").to_string();
        assert_eq!(error("{}"), "field `name` is missing");
        assert_eq!(error(r#"{"name":1}"#), "a value is of another kind than expected");
        assert_eq!(error(r#"{"ports":{"a":70000}}"#), "a value is out of range");
        assert_eq!(error("{"), "not JSON at byte 2");
        assert_eq!(read::<Role>("\"king\"").expect_err("wrong").to_string(), "`king` is not known");
    }
}
