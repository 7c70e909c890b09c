//! The client against a script: what it sends, what it makes of answers good and bad, and what it never shows.

mod events;
mod leads;
mod lists;
mod secrecy;
