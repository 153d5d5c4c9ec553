//! The measured servers, each started when a case first needs it.
use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    rc::Rc,
};

use crate::{
    Failure, Options, bare, http, pocketbase,
    process::{Process, Program, free_address},
    seed::{PASSWORD, Seeded},
};

/// The access token of the Fastify baseline.
pub const FASTIFY_TOKEN: &str = "a-token-of-the-benchmark";

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Server {
    /// Tenon with its default settings.
    Cached,
    /// Tenon without its response cache.
    Uncached,
    /// Tenon with the access log.
    Logged,
    /// Tenon without its response cache and with a million invoices.
    Million,
    Fastify,
    FastifyMillion,
    PocketBase,
}

impl Server {
    pub fn name(self) -> &'static str {
        match self {
            Server::Fastify | Server::FastifyMillion => "Fastify",
            Server::PocketBase => "PocketBase",
            _ => "Tenon",
        }
    }
}

pub struct Servers {
    pub options: Options,
    pub folder: PathBuf,
    pub seeded: Seeded,
    /// Whether this version of Tenon has the setting `cache_bytes`.
    has_cache: bool,
    running: HashMap<Server, Rc<Process>>,
    files: usize,
}

/// Tenon with the settings of all measurements, before its data folder is given.
pub fn tenon(program: &Path, log: &Path) -> Result<Program, Failure> {
    let program = Program::new(program, log)?.args(["serve"]);
    let program = program.env("TENON_RATE_LIMITS", "off").env("TENON_LOG", "warn");
    Ok(program.env("TENON_EVENTS_MAX_CONNECTIONS_PER_CALLER", "100000"))
}

/// Starts Tenon on a free port.
pub fn listen(tenon: Program) -> Result<Process, Failure> {
    let address = free_address()?;
    tenon.args(["--listen".to_owned(), address.to_string()]).serve(address)
}

/// Returns an access token of the account of this role.
pub fn login(address: SocketAddr, role: &str) -> Result<String, Failure> {
    let body = serde_json::json!({ "email": format!("{role}@acme.test"), "password": PASSWORD });
    http::fetch(address, &http::json("POST", "/api/auth/login", "", &body.to_string()))?.text("/accessToken")
}

impl Servers {
    pub fn new(options: Options, folder: PathBuf, seeded: Seeded) -> Result<Self, Failure> {
        let config = Program::new(&options.tenon, &folder.join("config.log"))?.args(["config"]);
        let has_cache = config.output()?.lines().any(|line| line.starts_with("cache_bytes"));
        Ok(Servers { options, folder, seeded, has_cache, running: HashMap::new(), files: 0 })
    }

    /// Returns the server, which is started on first use.
    pub fn get(&mut self, server: Server) -> Result<Rc<Process>, Failure> {
        if let Some(running) = self.running.get(&server) {
            return Ok(running.clone());
        }
        let address = free_address()?;
        let process = Rc::new(self.program(server, address)?.serve(address)?);
        self.running.insert(server, process.clone());
        Ok(process)
    }

    pub fn stop(&mut self, server: Server) {
        self.running.remove(&server);
    }

    /// Prepares the data of the server, and returns its program.
    pub fn program(&mut self, server: Server, address: SocketAddr) -> Result<Program, Failure> {
        let name = format!("{server:?}").to_ascii_lowercase();
        let (data, log) = (self.folder.join(&name), self.folder.join(format!("{name}.log")));
        match server {
            Server::Fastify | Server::FastifyMillion => {
                let folder = self.options.fastify.clone();
                let script = folder.ok_or("Fastify is not installed (--fastify)")?.join("server.mjs");
                let database = data.with_extension("db");
                if !database.exists() {
                    let source = match server {
                        Server::FastifyMillion => self.folder.join("million"),
                        _ => self.seeded.data.clone(),
                    };
                    let copy = Program::new("node", &log)?.args([&script]).args(["copy"]);
                    copy.args([&source.join("tenon.db"), &database]).run()?;
                }
                let program = Program::new("node", &log)?.env("NODE_ENV", "production").args([script]);
                let arguments = [address.port().to_string(), FASTIFY_TOKEN.to_owned()];
                Ok(program.args(["serve".into(), database]).args(arguments))
            }
            Server::PocketBase => {
                let path =
                    self.options.pocketbase.clone().ok_or("PocketBase is not installed (--pocketbase)")?;
                if !data.exists() {
                    pocketbase::fill(&path, &data, &log, &self.seeded.data.join("tenon.db"))?;
                }
                pocketbase::program(&path, &data, &log, address)
            }
            _ => {
                if !data.exists() {
                    copy_data(&self.seeded.data, &data)?;
                    if server == Server::Million {
                        crate::seed::multiply_invoices(&data.join("tenon.db"), 1_000_000)?;
                    }
                }
                let mut program = tenon(&self.options.tenon, &log)?;
                if server == Server::Logged {
                    program = program.env("TENON_LOG", "info");
                }
                if self.has_cache && matches!(server, Server::Uncached | Server::Million) {
                    program = program.env("TENON_CACHE_BYTES", "0");
                }
                let program = program.args(["--data-dir".into(), data]);
                Ok(program.args(["--listen".to_owned(), address.to_string()]))
            }
        }
    }

    /// Starts bare hyper, which returns this response to every request.
    pub fn hyper(&mut self, response: &http::Response) -> Result<Rc<Process>, Failure> {
        self.files += 1;
        let file = self.folder.join(format!("response-{}", self.files));
        bare::store(&file, response)?;
        self.bare(["--serve-constant".into(), file.into_os_string()])
    }

    /// Starts the baseline with one PostgreSQL transaction per request.
    pub fn transactions(&mut self, url: &str) -> Result<Rc<Process>, Failure> {
        self.bare(["--serve-transactions".into(), url.into()])
    }

    fn bare(&mut self, [mode, argument]: [std::ffi::OsString; 2]) -> Result<Rc<Process>, Failure> {
        let address = free_address()?;
        let program = Program::new(std::env::current_exe()?, &self.folder.join("hyper.log"))?;
        let program = program.args([mode, argument, address.to_string().into()]);
        Ok(Rc::new(program.serve(address)?))
    }
}

fn copy_data(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
