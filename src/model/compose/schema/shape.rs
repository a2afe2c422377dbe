//! The forms that a value may take, as data: what `table` is written in.

/// What a value may be. One node is a scalar, a list or a mapping, so that no form has to be tried after another.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) scalar: Option<Scalar>,
    pub(super) list: Option<&'static List>,
    pub(super) map: Option<&'static Map>,
    /// Nothing is checked.
    pub(super) any: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Scalar {
    pub(super) types: Types,
    pub(super) check: Check,
}

/// The types of JSON Schema, as bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Types {
    pub(super) const STRING: Self = Self(1);
    /// What Go reads as a whole number.
    pub(super) const INT: Self = Self(2);
    /// Also `2.0`, which JSON Schema calls an integer.
    pub(super) const INTEGER: Self = Self(2 | 4);
    pub(super) const NUMBER: Self = Self(2 | 4 | 8);
    pub(super) const BOOL: Self = Self(16);
    pub(super) const NULL: Self = Self(32);
    /// A date without quotes: Compose turns it into a text where any scalar will do, and fails elsewhere.
    pub(super) const DATE: Self = Self(64);
    pub(super) const WHOLE: Self = Self(4);
    pub(super) const FRACTION: Self = Self(8);
    /// Of no type that Compose reads: Go's infinities.
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0 && other.0 != 0
    }
}

/// What must hold for a text, and how to say what it should be: the end of "`x` is no …".
pub(super) type Test = (fn(&str) -> bool, &'static str);

#[derive(Clone, Copy)]
pub(super) enum Check {
    Any,
    /// The text of a string.
    Text(Test),
    /// As [`Check::Text`], and Compose reads a string as what is meant even where no string may stand.
    Cast(Test),
    /// The text of every scalar.
    Every(Test),
    OneOf(&'static [&'static str]),
    /// A whole number from … to, also in quotes.
    Within(i64, i64),
}

pub(super) struct List {
    pub(super) item: Shape,
    /// No two strings may be equal.
    pub(super) unique: bool,
}

pub(super) enum Map {
    Fields(Fields),
    /// Names that the user chooses.
    Names(Names),
}

pub(super) struct Fields {
    /// What has these fields: "a service".
    pub(super) of: &'static str,
    pub(super) known: &'static [(&'static str, Shape)],
    pub(super) required: &'static [&'static str],
    /// Whether `x-…` may stand here.
    pub(super) extensions: bool,
    /// Whether any other key may.
    pub(super) open: bool,
    /// Two fields of which only one may be there.
    pub(super) exclusive: Option<(&'static str, &'static str)>,
}

pub(super) struct Names {
    pub(super) value: Shape,
    /// What a name may be; the others are refused, or not looked at.
    pub(super) name: Test,
    pub(super) closed: bool,
}

impl Shape {
    pub(super) const ANY: Self = Self { scalar: None, list: None, map: None, any: true };

    pub(super) const fn scalar(types: Types, check: Check) -> Self {
        Self { scalar: Some(Scalar { types, check }), list: None, map: None, any: false }
    }

    pub(super) const fn list(list: &'static List) -> Self {
        Self { scalar: None, list: Some(list), map: None, any: false }
    }

    pub(super) const fn map(map: &'static Map) -> Self {
        Self { scalar: None, list: None, map: Some(map), any: false }
    }

    pub(super) const fn or_list(self, list: &'static List) -> Self {
        Self { list: Some(list), ..self }
    }

    pub(super) const fn or_map(self, map: &'static Map) -> Self {
        Self { map: Some(map), ..self }
    }

    /// Also nothing at all.
    pub(super) const fn or_null(self) -> Self {
        let scalar = match self.scalar {
            Some(Scalar { types, check }) => Scalar { types: types.or(Types::NULL), check },
            None => Scalar { types: Types::NULL, check: Check::Any },
        };
        Self { scalar: Some(scalar), ..self }
    }
}

impl Map {
    pub(super) const fn of(of: &'static str, fields: &'static [(&'static str, Shape)]) -> Self {
        Self::Fields(Fields {
            of,
            known: fields,
            required: &[],
            extensions: true,
            open: false,
            exclusive: None,
        })
    }

    /// As [`Map::of`], without `x-…`.
    pub(super) const fn strict(of: &'static str, fields: &'static [(&'static str, Shape)]) -> Self {
        Self::Fields(Fields {
            of,
            known: fields,
            required: &[],
            extensions: false,
            open: false,
            exclusive: None,
        })
    }

    pub(super) const fn requires(
        of: &'static str,
        required: &'static [&'static str],
        fields: &'static [(&'static str, Shape)],
    ) -> Self {
        Self::Fields(Fields { of, known: fields, required, extensions: true, open: false, exclusive: None })
    }

    /// The field of that name.
    pub(super) fn field(&self, key: &str) -> Option<&'static Shape> {
        match self {
            Self::Fields(fields) => fields.known.iter().find(|(name, _)| *name == key).map(|(_, s)| s),
            Self::Names(_) => None,
        }
    }
}
