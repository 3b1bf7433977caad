//! Reads tables and collects what is wrong with them, all of it, instead of stopping at the first error.
//!
//! A [`Table`] is asked for its keys one by one (`required`, `optional`, `many`) and then finished, which reports
//! the keys nobody asked for. A key that is missing or cannot be read is reported and becomes `None`, so one wrong
//! value hides no other. [`record!`] writes the asking for a struct whose fields are named like the keys.

use super::diagnostic::{Diagnostic, Span};
use super::schema::{Schema, Schemas, any_of, list};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value of the document with its place.
pub(super) type Node<'a> = Spanned<DeValue<'a>>;

/// Something that a TOML value can be read as.
pub(super) trait Value: Sized {
    /// What such a value looks like in a file, for hints.
    fn example() -> String;

    /// How the key stands in a file with such a value, for hints.
    fn line(key: &str) -> String {
        format!("{key} = {}", Self::example())
    }

    /// Reads the value, or says why not and gives `None`.
    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self>;

    /// What an editor can know of such a value. It may take more than `read` does, and never less.
    fn schema(all: &mut Schemas) -> Schema;
}

impl<T: Value> Value for Spanned<T> {
    fn example() -> String {
        T::example()
    }

    fn line(key: &str) -> String {
        T::line(key)
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        T::read(node, out).map(|value| Self::new(node.span(), value))
    }

    fn schema(all: &mut Schemas) -> Schema {
        T::schema(all)
    }
}

impl<T: Value> Value for Vec<T> {
    fn example() -> String {
        format!("[{}]", T::example())
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let DeValue::Array(elements) = node.get_ref() else {
            out.push(match node.get_ref() {
                DeValue::Table(_) => wrong_type(node, "an array")
                    .hint("of these there may be several: in double brackets, [[..]]"),
                _ => wrong_type(node, "an array").hint(format!("like {}", Self::example())),
            });
            return None;
        };
        // All are read before one that is wrong costs the list: each has its own error.
        let read: Vec<Option<T>> = elements.iter().map(|element| T::read(element, out)).collect();
        read.into_iter().collect()
    }

    fn schema(all: &mut Schemas) -> Schema {
        list(T::schema(all))
    }
}

/// A table that is being read.
pub(super) struct Table<'a> {
    entries: &'a DeTable<'a>,
    span: Span,
    known: Vec<String>,
    out: &'a mut Vec<Diagnostic>,
}

impl<'a> Table<'a> {
    /// The whole document.
    pub(super) fn document(document: &'a Spanned<DeTable<'a>>, out: &'a mut Vec<Diagnostic>) -> Self {
        Table { entries: document.get_ref(), span: document.span(), known: Vec::new(), out }
    }

    /// `None`, and a diagnostic with the hint, if the value is no table.
    pub(super) fn open(
        node: &'a Node<'a>,
        hint: impl FnOnce() -> String,
        out: &'a mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let DeValue::Table(entries) = node.get_ref() else {
            out.push(match node.get_ref() {
                DeValue::Array(_) => {
                    wrong_type(node, "a table").hint("there is only one of these: in single brackets, [..]")
                }
                _ => wrong_type(node, "a table").hint(hint()),
            });
            return None;
        };
        Some(Table { entries, span: node.span(), known: Vec::new(), out })
    }

    /// The table's header, or its braces.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// The keys that stand there, known or not.
    pub(super) fn written(&self) -> Vec<String> {
        self.entries.keys().map(|key| key.get_ref().to_string()).collect()
    }

    /// A key that may be missing.
    pub(super) fn optional<T: Value>(&mut self, key: &str) -> Option<Spanned<T>> {
        self.known.push(key.to_owned());
        Value::read(self.entries.get(key)?, self.out)
    }

    /// A key that must be there.
    pub(super) fn required<T: Value>(&mut self, key: &str) -> Option<Spanned<T>> {
        if !self.entries.contains_key(key) {
            self.out.push(missing::<T>(self.span(), key));
        }
        self.optional(key)
    }

    /// An array of tables, `[[key]]`: empty if there is none.
    pub(super) fn many<T: Value>(&mut self, key: &str) -> Vec<T> {
        self.optional(key).map(Spanned::into_inner).unwrap_or_default()
    }

    /// Reports every key that was not asked for.
    pub(super) fn finish(self) {
        let unknown =
            self.entries.keys().filter(|key| !self.known.iter().any(|known| known == key.get_ref()));
        for key in unknown {
            let error = Diagnostic::error(key.span(), format!("unknown key `{}`", key.get_ref()))
                .label("not a key of this table");
            let known = self.known.iter().map(String::as_str);
            self.out.push(match closest(key.get_ref(), known) {
                Some(meant) => error.hint(format!("did you mean `{meant}`?")),
                None => error.hint(format!("its keys are {}", self.known.join(", "))),
            });
        }
    }
}

/// A key with a value of this type that must be in the table with this header.
pub(super) fn missing<T: Value>(span: Span, key: &str) -> Diagnostic {
    Diagnostic::error(span, format!("`{key}` is missing")).label(format!("needs `{key}`")).hint(T::line(key))
}

/// A value of another type than wanted. The value itself is not told: it may be a secret.
pub(super) fn wrong_type(node: &Node<'_>, wanted: &str) -> Diagnostic {
    let found = match node.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    Diagnostic::error(node.span(), format!("expected {wanted}, found {found}")).label(format!("not {wanted}"))
}

/// The word that was probably meant.
pub(super) fn closest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let similarity = |known| strsim::jaro_winkler(&word.to_ascii_lowercase().replace('_', "-"), known);
    let best = known.map(|known| (similarity(known), known)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.8).then_some(best.1)
}

/// A struct whose fields are the keys of a table: `some_key` is read from `some-key`. All values are `Option`s with
/// their place (`many`: a list), for a file may lack anything; `required` reports it. `flatten` takes a record whose
/// keys stand in the same table. What stands above a key is what editors show, with what `config/README.md` has in the section
/// that the record's own first line names.
macro_rules! record {
    ($(#[doc = $doc:literal])* $Name:ident {
        $($(#[doc = $field_doc:literal])* $need:ident $field:ident: $Type:ty,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        pub(in crate::config) struct $Name {
            span: $crate::config::diagnostic::Span,
            written: Vec<String>,
            $($(#[doc = $field_doc])* pub(in crate::config) $field: $crate::config::reader::record!(@type $need $Type),)*
        }

        impl $Name {
            pub(in crate::config) fn fields(table: &mut $crate::config::reader::Table<'_>) -> Self {
                $(let $field = $crate::config::reader::record!(@read $need table $field $Type);)*
                Self { span: table.span(), written: table.written(), $($field,)* }
            }

            pub(in crate::config) fn keys(keys: &mut $crate::config::schema::Keys<'_>) {
                $($crate::config::reader::record!(@key $need keys $field $Type, concat!($($field_doc),*));)*
            }
        }

        impl $crate::config::reader::Record for $Name {
            fn span(&self) -> $crate::config::diagnostic::Span {
                self.span.clone()
            }

            fn has(&self, key: &str) -> bool {
                self.written.iter().any(|written| written == key)
            }
        }

        impl $crate::config::reader::Value for $Name {
            fn example() -> String {
                let keys: Vec<String> =
                    [$($crate::config::reader::record!(@example $need $field $Type)),*].into_iter().flatten().collect();
                if keys.is_empty() { "{ .. }".to_owned() } else { format!("{{ {} }}", keys.join(", ")) }
            }

            fn read(
                node: &$crate::config::reader::Node<'_>,
                out: &mut Vec<$crate::config::diagnostic::Diagnostic>,
            ) -> Option<Self> {
                let hint = || format!("like {}", <Self as $crate::config::reader::Value>::example());
                let mut table = $crate::config::reader::Table::open(node, hint, out)?;
                let record = Self::fields(&mut table);
                table.finish();
                Some(record)
            }

            fn schema(
                all: &mut $crate::config::schema::Schemas,
            ) -> $crate::config::schema::Schema {
                let name = concat!(module_path!(), "::", stringify!($Name));
                all.record(name, concat!($($doc),*), Self::keys)
            }
        }

        impl $crate::config::reader::Inherit for $Name {
            fn inherit(&mut self, from: &Self) {
                self.written.extend_from_slice(&from.written);
                $($crate::config::reader::Inherit::inherit(&mut self.$field, &from.$field);)*
            }
        }
    };
    (@example required $field:ident $Type:ty) => {
        Some(<$Type as $crate::config::reader::Value>::line(&$crate::config::reader::key(stringify!($field))))
    };
    (@example $need:ident $field:ident $Type:ty) => { None };
    (@key flatten $keys:ident $field:ident $Type:ty, $doc:expr) => { <$Type>::keys($keys) };
    (@key many $keys:ident $field:ident $Type:ty, $doc:expr) => {
        $crate::config::reader::record!(@key optional $keys $field Vec<$Type>, $doc)
    };
    (@key $need:ident $keys:ident $field:ident $Type:ty, $doc:expr) => {
        $keys.$need::<$Type>($crate::config::reader::key(stringify!($field)), $doc)
    };
    (@type many $Type:ty) => { Vec<$Type> };
    (@type flatten $Type:ty) => { $Type };
    (@type $need:ident $Type:ty) => { Option<toml::Spanned<$Type>> };
    (@read flatten $table:ident $field:ident $Type:ty) => { <$Type>::fields($table) };
    (@read $need:ident $table:ident $field:ident $Type:ty) => {
        $table.$need(&$crate::config::reader::key(stringify!($field)))
    };
}
pub(super) use record;

/// The key of a field: a word of Rust's own, such as `do`, is `r#do` there.
pub(super) fn key(field: &str) -> String {
    field.trim_start_matches("r#").replace('_', "-")
}

/// One table, `[key]`, or several, `[[key]]`.
#[derive(Clone, Debug)]
pub(super) struct Several<T>(pub(super) Vec<T>);

impl<T: Value> Value for Several<T> {
    fn example() -> String {
        T::example()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        match node.get_ref() {
            DeValue::Array(_) => Vec::read(node, out).map(Self),
            _ => T::read(node, out).map(|only| Self(vec![only])),
        }
    }

    fn schema(all: &mut Schemas) -> Schema {
        let one = T::schema(all);
        any_of([one.clone(), list(one)])
    }
}

/// What was a table.
pub(super) trait Record {
    /// Its header, or its braces.
    fn span(&self) -> Span;
    /// Whether the key stands there. If so and there is no value, that has been reported.
    fn has(&self, key: &str) -> bool;
}

/// Takes from `from` what it lacks itself: how `[neighbor-defaults]` reach a neighbor.
pub(super) trait Inherit {
    fn inherit(&mut self, from: &Self);
}

impl<T: Clone> Inherit for Option<Spanned<T>> {
    fn inherit(&mut self, from: &Self) {
        if self.is_none() {
            self.clone_from(from);
        }
    }
}

impl<T: Clone> Inherit for Vec<T> {
    fn inherit(&mut self, from: &Self) {
        if self.is_empty() {
            self.clone_from(from);
        }
    }
}
