//! `tec-crm crds`

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::api::schema;

#[derive(Debug, Args)]
pub(super) struct CrdsArgs {
    /// Write one file per kind into this folder instead of printing.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &CrdsArgs) -> anyhow::Result<()> {
    for (name, yaml) in schema::crd_files()? {
        match &args.dir {
            Some(dir) => {
                let path = dir.join(name);
                std::fs::write(&path, yaml).with_context(|| format!("cannot write {}", path.display()))?;
                eprintln!("wrote {}", path.display());
            }
            None => print!("---\n{yaml}"),
        }
    }
    Ok(())
}
