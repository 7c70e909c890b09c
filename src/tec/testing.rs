//! A transport that answers from a script, and a client around it. For the tests of this room only.
