//! How a theme of settings is declared: once, for the command line and for the file.

/// Declares settings as they may be given: every field is optional, a flag and a key of the file.
///
/// The flag is the key with dashes. `KEYS` names all of them, so that a file with another one can be
/// refused although several themes are read from one table.
macro_rules! given {
    (
        $(#[$of_all:meta])*
        $name:ident {
            $($(#[$of_one:meta])* $key:ident: $type:ty),+ $(,)?
        }
    ) => {
        $(#[$of_all])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Deserialize, clap::Args)]
        #[serde(default)]
        pub struct $name {
            $($(#[$of_one])* #[arg(long)] pub $key: Option<$type>,)+
        }

        impl $name {
            /// The keys of a file.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($key)),+];

            /// These, and where one is not given the other's.
            #[must_use]
            pub fn or(self, other: Self) -> Self {
                Self { $($key: self.$key.or(other.$key)),+ }
            }
        }
    };
}

pub(super) use given;
