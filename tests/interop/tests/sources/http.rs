//! HTTP, by nginx and Python's server.

use crate::{contains, disk, rump, rump_with, same};
use interop::image::Scratch;
use interop::program::{lacks, run_ok};
use interop::server::{Server, free_port};
use interop::suite::Suite;
use interop::{Check, context};
use std::fs;
use std::process::Command;

pub fn add(suite: &mut Suite, judges: Option<&'static str>) {
    let nginx = judges.or_else(|| lacks(&["nginx"]));
    let tls = nginx.or_else(|| lacks(&["openssl"]));
    suite.add("http_is_read_in_few_requests", nginx, few_requests);
    suite.add("http_holds_qcow2_and_what_is_below_it", nginx, qcow2);
    suite.add("http_that_is_not_there_or_not_allowed_says_so", nginx, refused);
    suite.add("http_leads_elsewhere_and_asks_for_passwords", nginx, led);
    suite.add("https_is_read_from_whom_the_host_trusts", tls, tls_is_checked);
    suite.add("http_without_ranges_is_refused", judges.or_else(|| lacks(&["python3"])), no_ranges);
}

/// An nginx that serves the folder.
struct Nginx {
    port: u16,
    tls_port: u16,
    _server: Server,
}

impl Nginx {
    fn start(scratch: &Scratch, with_tls: bool) -> Check<Self> {
        let (port, tls_port) = (free_port()?, free_port()?);
        let root = scratch.path("");
        let root = root.display();
        let tls = format!(
            "listen 127.0.0.1:{tls_port} ssl; ssl_certificate {root}/cert.pem; ssl_certificate_key {root}/key.pem;"
        );
        let tls = if with_tls { &*tls } else { "" };
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = temporary.map(|name| format!("{name}_temp_path {root}/temporary;")).concat();
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let text = format!(
            "daemon off; master_process off; {user} pid {root}/nginx.pid; error_log {root}/error.log;
            events {{ }}
            http {{
                access_log {root}/access.log; {temporary}
                server {{
                    listen 127.0.0.1:{port}; {tls}
                    root {root};
                    location /latest {{ return 302 /disk; }}
                    location /round {{ return 302 /round; }}
                    location /secret/ {{ auth_basic secret; auth_basic_user_file {root}/users; alias {root}/; }}
                    location /hidden {{ return 403; }}
                }}
            }}"
        );
        context(fs::write(scratch.path("nginx.conf"), text), "nginx.conf")?;
        context(fs::write(scratch.path("users"), "me:{PLAIN}p@ss/word\n"), "users")?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(scratch.path("")).arg("-c").arg(scratch.path("nginx.conf"));
        Ok(Self { port, tls_port, _server: Server::at_port(&mut command, port)? })
    }

    fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }
}

/// How many requests came since it was asked last.
fn requests(scratch: &Scratch) -> Check<usize> {
    let log = scratch.path("access.log");
    let count = context(fs::read_to_string(&log), "log")?.lines().count();
    context(fs::write(&log, ""), "log")?;
    Ok(count)
}

fn few_requests() -> Check {
    let scratch = disk("few", 1024)?;
    let nginx = Nginx::start(&scratch, false)?;
    let url = nginx.url("disk");
    let bounded = |words: &[&str], most: usize| -> Check {
        rump(words, 0)?;
        match requests(&scratch)? {
            count if (1..=most).contains(&count) => Ok(()),
            count => Err(format!("rump {}: {count} requests", words.join(" "))),
        }
    };
    bounded(&["ls", "-l", &format!("{url}:/")], 12)?;
    bounded(&["ls", "-l", &format!("{url}:/folder")], 12)?;
    // Of 8 MiB: a run doubles up to 4 MiB.
    bounded(&["sum", &format!("{url}:/large")], 20)?;
    contains(&rump(&["info", &url], 0)?, &format!("{url}: 1073741824 bytes"))?;
    contains(&rump(&["mkdir", &format!("{url}:/new")], 3)?, "what HTTP serves is only read")?;
    same(&scratch, "disk", &url)
}

fn qcow2() -> Check {
    let scratch = disk("chain", 64)?;
    let [raw, below, image] = ["disk", "below", "image"].map(|name| scratch.path(name).display().to_string());
    run_ok("qemu-img", &["convert", "-O", "qcow2", "-c", &raw, &below])?;
    run_ok("qemu-img", &["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "below", &image])?;
    rump(&["chmod", "600", &format!("{image}:/folder/7")], 0)?;
    let nginx = Nginx::start(&scratch, false)?;
    same(&scratch, "image", &nginx.url("image"))?;
    contains(&rump(&["info", &nginx.url("image")], 0)?, "backing below: qcow2")
}

fn refused() -> Check {
    let scratch = disk("refused", 64)?;
    let nginx = Nginx::start(&scratch, false)?;
    for (name, why) in [("nothing", "404"), ("hidden", "403"), ("secret/disk", "401"), ("round", "redirect")]
    {
        contains(&rump(&["ls", &format!("{}:/", nginx.url(name))], 3)?, why)?;
    }
    let port = free_port()?;
    contains(&rump(&["ls", &format!("http://127.0.0.1:{port}/x:/")], 3)?, "refused")
}

fn led() -> Check {
    let scratch = disk("led", 64)?;
    let nginx = Nginx::start(&scratch, false)?;
    same(&scratch, "disk", &nginx.url("latest"))?;
    let with = |password: &str| format!("http://me:{password}@127.0.0.1:{}/secret/disk", nginx.port);
    same(&scratch, "disk", &with("p%40ss%2Fword"))?;
    contains(&rump(&["ls", &with("wrong")], 3)?, "401")
}

fn tls_is_checked() -> Check {
    let scratch = disk("tls", 64)?;
    let [key, cert] = ["key.pem", "cert.pem"].map(|name| scratch.path(name).display().to_string());
    let made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test \
        -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE";
    let made: Vec<&str> = made.split_whitespace().chain(["-keyout", &key, "-out", &cert]).collect();
    run_ok("openssl", &made)?;
    let nginx = Nginx::start(&scratch, true)?;
    let address = format!("https://127.0.0.1:{}/disk:/folder", nginx.tls_port);
    let file = rump(&["ls", "-l", &format!("{}:/folder", scratch.path("disk").display())], 0)?;
    if rump_with(("SSL_CERT_FILE", &cert), &["ls", "-l", &address], 0)? != file {
        return Err("the folder is another one".into());
    }
    contains(&rump(&["ls", &address], 3)?, "certificate")
}

fn no_ranges() -> Check {
    let scratch = disk("whole", 64)?;
    let port = free_port()?;
    let mut command = Command::new("python3");
    command.args(["-m", "http.server", "--bind", "127.0.0.1", "--directory"]).arg(scratch.path(""));
    let _server = Server::at_port(command.arg(port.to_string()), port)?;
    contains(&rump(&["ls", &format!("http://127.0.0.1:{port}/disk:/")], 3)?, "no ranges of it")
}
