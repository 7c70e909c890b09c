//! Entry point.

fn main() {
    for (n, t) in tec_crm::api::schema::crd_files().unwrap() {
        std::fs::write(format!("crds/{n}"), t).unwrap();
    }
}
