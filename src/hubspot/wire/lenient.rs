//! Readers for `deserialize_with`: what HubSpot's answers vary in without meaning anything by it.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer, Serializer,
    de::{DeserializeOwned, Error, IntoDeserializer, Visitor},
};

use crate::domain::{PortalId, UserId};

/// A scalar of any JSON type, as text.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyScalar;
        impl Visitor<'_> for AnyScalar {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number or a boolean")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Text, E> {
                Ok(Text(value.to_owned()))
            }

            fn visit_string<E: Error>(self, value: String) -> Result<Text, E> {
                Ok(Text(value))
            }
        }
        deserializer.deserialize_any(AnyScalar)
    }
}

fn from_text<T: DeserializeOwned, E: Error>(text: String) -> Result<T, E> {
    T::deserialize(IntoDeserializer::<E>::into_deserializer(text))
}

/// An id written as number or string, into a text newtype.
pub(super) fn id<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    from_text(Text::deserialize(deserializer)?.0)
}

/// As [`id`]; absent, `null` and `""` are none.
pub(super) fn optional_id<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    match Option::<Text>::deserialize(deserializer)? {
        Some(Text(text)) if !text.is_empty() => from_text(text).map(Some),
        _ => Ok(None),
    }
}

/// A list of ids; `null` is empty.
pub(super) fn ids<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let texts = Option::<Vec<Text>>::deserialize(deserializer)?.unwrap_or_default();
    texts.into_iter().map(|Text(text)| from_text(text)).collect()
}

/// As [`ids`] where an absent list means something else than an empty one.
pub(super) fn optional_ids<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let texts = Option::<Vec<Text>>::deserialize(deserializer)?;
    texts.map(|texts| texts.into_iter().map(|Text(text)| from_text(text)).collect()).transpose()
}

/// A property value as text, whatever its JSON type.
pub(super) fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Text>::deserialize(deserializer)?.map(|Text(text)| text))
}

/// Property values as text, without those that are `null` or `""`: both mean "not set".
pub(super) fn values<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values = Option::<BTreeMap<String, Option<Text>>>::deserialize(deserializer)?.unwrap_or_default();
    let set = values.into_iter().filter_map(|(name, value)| Some((name, value?.0)));
    Ok(set.filter(|(_, value)| !value.is_empty()).collect())
}

/// A point in time, ISO 8601 or milliseconds since the epoch; HubSpot takes and gives both.
pub fn instant(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(ms) => Timestamp::from_millisecond(ms).ok(),
        Err(_) => text.parse().ok(),
    }
}

/// As [`instant`], written as number or string.
pub(super) fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let Text(text) = Text::deserialize(deserializer)?;
    instant(&text).ok_or_else(|| D::Error::custom("not a point in time"))
}

/// A whole number written as number or string.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let Text(text) = Text::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom("not a whole number"))
}

/// A portal id written as number or string.
pub(super) fn portal_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PortalId, D::Error> {
    number(deserializer).map(PortalId)
}

/// As [`portal_id`]; absent and `null` are none.
pub(super) fn optional_portal_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PortalId>, D::Error> {
    let Some(Text(text)) = Option::<Text>::deserialize(deserializer)? else { return Ok(None) };
    text.parse().map(|id| Some(PortalId(id))).map_err(|_| D::Error::custom("not a whole number"))
}

/// `null` is the type's default.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Writes the id as a number, as the owners API does (API.md §6).
#[allow(clippy::ref_option)] // serde fixes the signature
pub(super) fn as_number<S: Serializer>(id: &Option<UserId>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        None => serializer.serialize_none(),
        Some(id) => match id.as_str().parse::<u64>() {
            Ok(number) => serializer.serialize_u64(number),
            Err(_) => serializer.serialize_str(id.as_str()),
        },
    }
}
