//! A real API server for tests: one per test process, started when the first test asks for it.
//!
//! `tests/control-plane/up.sh` runs it and stops it when its stdin ends. That pipe is kept here for as long as the
//! process lives, so nothing remains however the tests end.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use kube::config::{KubeConfigOptions, Kubeconfig};

/// A running cluster and how to reach it.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    /// May do everything.
    pub(crate) admin_kubeconfig: PathBuf,
    /// The operator's service account: may do what `manifests/` grants, once that is applied.
    pub(crate) operator_kubeconfig: PathBuf,
    /// Absent where somebody else runs the cluster.
    supervisor: Option<Supervisor>,
}

/// `up.sh` at work. It stops the cluster when `stdin` is closed.
#[derive(Debug)]
struct Supervisor {
    process: Child,
    stdin: ChildStdin,
    /// Kept open: nobody should get a broken pipe for having said something.
    _stdout: BufReader<ChildStdout>,
}

/// The one control plane of this test process; with `TEC_CRM_TEST_KUBECONFIG`, that existing cluster, for both users.
///
/// # Panics
/// If it cannot be started. `up.sh` has said why on stderr.
pub(crate) fn control_plane() -> &'static ControlPlane {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    PLANE.get_or_init(|| existing_kubeconfig().map_or_else(ControlPlane::start, ControlPlane::existing))
}

/// The cluster that the tests were told to use.
pub(crate) fn existing_kubeconfig() -> Option<PathBuf> {
    std::env::var_os("TEC_CRM_TEST_KUBECONFIG").map(PathBuf::from)
}

/// A client with the rights of this kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> kube::Client {
    // Fails when another test was first, which is as good (KUBE P2).
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("readable kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .expect("complete kubeconfig");
    kube::Client::try_from(config).expect("client")
}

impl ControlPlane {
    /// Another one, for a test that needs a cluster nobody else has touched. Blocks for about three seconds.
    pub(crate) fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control-plane/up.sh");
        let mut process =
            Command::new(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bash and up.sh");
        let stdin = process.stdin.take().expect("piped");
        let mut stdout = BufReader::new(process.stdout.take().expect("piped"));
        let mut folder = String::new();
        stdout.read_line(&mut folder).expect("readable pipe");
        assert!(!folder.is_empty(), "the control plane did not start; its reason is on stderr");

        let folder = Path::new(folder.trim_end());
        Self {
            admin_kubeconfig: folder.join("admin.kubeconfig"),
            operator_kubeconfig: folder.join("operator.kubeconfig"),
            supervisor: Some(Supervisor { process, stdin, _stdout: stdout }),
        }
    }

    fn existing(kubeconfig: PathBuf) -> Self {
        Self { admin_kubeconfig: kubeconfig.clone(), operator_kubeconfig: kubeconfig, supervisor: None }
    }

    /// Closes the pipe and waits until `up.sh` has ended.
    pub(crate) fn stop(self) {
        let Some(Supervisor { mut process, stdin, _stdout }) = self.supervisor else { return };
        drop(stdin);
        let status = process.wait().expect("its exit status");
        assert!(status.success(), "up.sh ended with {status}");
    }
}
