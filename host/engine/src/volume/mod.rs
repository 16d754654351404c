//! `docker volume`: directories that outlive containers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use coracle_vfs::Filesystem;
use coracle_vfs::host::HostFs;
use coracle_vfs::tmpfs::Tmpfs;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use crate::Engine;
use crate::container::until;
use crate::error::{Error, Result};
use crate::events::Kind;
use crate::filters::Filters;
use crate::model::DriverConfig;
use crate::mounts::MountPoint;
use crate::names;
use crate::store::Table;
use crate::time::Time;

/// The label that dockerd gives to volumes nobody named.
const ANONYMOUS: &str = "com.docker.volume.anonymous";

/// The body of create.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the field names are Docker's and documented in its API reference")]
pub struct VolumeCreate {
    pub name: String,
    pub driver: String,
    pub driver_opts: Option<BTreeMap<String, String>>,
    pub labels: Option<BTreeMap<String, String>>,
}

/// A volume as it is stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    pub name: String,
    pub created: Time,
    pub labels: Option<BTreeMap<String, String>>,
    pub options: Option<BTreeMap<String, String>>,
}

/// A volume as the API shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the field names are Docker's and documented in its API reference")]
pub struct VolumeShown {
    pub created_at: String,
    pub driver: &'static str,
    pub labels: Option<BTreeMap<String, String>>,
    pub mountpoint: String,
    pub name: String,
    pub options: Option<BTreeMap<String, String>>,
    pub scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_data: Option<UsageData>,
}

/// What `system df` adds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the field names are Docker's and documented in its API reference")]
pub struct UsageData {
    pub ref_count: i64,
    pub size: i64,
}

/// The answer of list.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the field names are Docker's and documented in its API reference")]
pub struct VolumeList {
    pub volumes: Vec<VolumeShown>,
    pub warnings: Option<Vec<String>>,
}

/// The answer of prune.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the field names are Docker's and documented in its API reference")]
pub struct PrunedVolumes {
    pub volumes_deleted: Option<Vec<String>>,
    pub space_reclaimed: u64,
}

/// The volumes of the daemon.
#[derive(Default)]
pub(crate) struct Volumes {
    records: RwLock<BTreeMap<String, Arc<Record>>>,
    /// Opened file systems; those in memory (`type=tmpfs`) live as long as somebody mounts them.
    opened: Mutex<BTreeMap<String, std::sync::Weak<dyn Filesystem>>>,
}

impl Engine {
    fn volume_root(&self, name: &str) -> PathBuf {
        self.data_root.join("volumes").join(name)
    }

    fn volume_directory(&self, name: &str) -> PathBuf {
        self.volume_root(name).join("_data")
    }

    /// Reads what the last daemon left.
    pub(crate) fn restore_volumes(&self) -> Result<()> {
        let mut records = self.volumes.records.write();
        for record in self.store.all::<Record>(Table::Volume)? {
            records.insert(record.name.clone(), Arc::new(record));
        }
        if self.fresh {
            return Ok(());
        }
        // Directories of volumes whose creation or removal was cut short.
        if let Ok(directories) = std::fs::read_dir(self.data_root.join("volumes")) {
            for directory in directories.flatten() {
                if !directory.file_name().to_str().is_some_and(|name| records.contains_key(name)) {
                    let _ = std::fs::remove_dir_all(directory.path());
                }
            }
        }
        Ok(())
    }

    /// Creates a volume, or finds the one of that name.
    ///
    /// # Errors
    /// 400 for bad names and options, 404 for unknown drivers.
    pub fn volume_create(&self, request: VolumeCreate) -> Result<VolumeShown> {
        let anonymous = request.name.is_empty();
        let mut labels = request.labels;
        if anonymous {
            labels.get_or_insert_default().insert(ANONYMOUS.into(), String::new());
        }
        let name = if anonymous { crate::id::generate() } else { request.name };
        let record = self.make_volume(&name, &request.driver, labels, request.driver_opts)?;
        Ok(self.show_volume(&record))
    }

    fn make_volume(
        &self,
        name: &str,
        driver: &str,
        labels: Option<BTreeMap<String, String>>,
        options: Option<BTreeMap<String, String>>,
    ) -> Result<Arc<Record>> {
        if let Some(record) = self.volumes.records.read().get(name) {
            let other = options.as_ref().is_some_and(|o| !o.is_empty() && Some(o) != record.options.as_ref());
            if other {
                return Err(Error::Conflict(format!("create {name}: volume already exists with other options")));
            }
            return Ok(Arc::clone(record));
        }
        if !matches!(driver, "" | "local") {
            return Err(Error::NotFound(format!(
                "create {name}: error looking up volume plugin {driver}: plugin \"{driver}\" not found"
            )));
        }
        if name.len() < 2 {
            return Err(Error::Invalid(format!(
                "create {name}: volume name is too short, names should be at least two alphanumeric characters"
            )));
        }
        if !names::is_valid(name) || name.len() > 255 {
            return Err(Error::Invalid(format!(
                "create {name}: {name:?} includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
            )));
        }
        check_options(name, options.as_ref())?;
        let record = Arc::new(Record {
            name: name.to_owned(),
            created: Time::now(),
            labels,
            options: options.filter(|options| !options.is_empty()),
        });
        std::fs::create_dir_all(self.volume_directory(name))?;
        self.store.put(Table::Volume, name, &*record)?;
        self.volumes.records.write().insert(name.to_owned(), Arc::clone(&record));
        self.events.emit(Kind::Volume, "create", name, [("driver".to_owned(), "local".to_owned())].into());
        Ok(record)
    }

    /// The volumes that the filters admit.
    ///
    /// # Errors
    /// For unknown filters.
    pub fn volume_list(&self, filters: &Filters) -> Result<VolumeList> {
        filters.accept(&["dangling", "driver", "label", "label!", "name"])?;
        let dangling = filters.boolean("dangling")?;
        let volumes = self
            .volumes
            .records
            .read()
            .values()
            .filter(|record| {
                filters.matches("name", &record.name)
                    && filters.exact("driver", "local")
                    && filters.labels(record.labels.as_ref().unwrap_or(&BTreeMap::new()))
                    && dangling.is_none_or(|wanted| wanted == (self.volume_users(&record.name) == 0))
            })
            .map(|record| self.show_volume(record))
            .collect();
        Ok(VolumeList { volumes, warnings: None })
    }

    /// One volume.
    ///
    /// # Errors
    /// 404.
    pub fn volume_inspect(&self, name: &str) -> Result<VolumeShown> {
        Ok(self.show_volume(&*self.find_volume(name)?))
    }

    /// Removes a volume; with `force` a missing one is no error.
    ///
    /// # Errors
    /// 404; 409 while a container has it.
    pub fn volume_remove(&self, name: &str, force: bool) -> Result<()> {
        let record = match self.find_volume(name) {
            Ok(record) => record,
            Err(_) if force => return Ok(()),
            Err(error) => return Err(error),
        };
        let users: Vec<String> = self
            .containers
            .all()
            .iter()
            .filter(|container| container.spec().mounts.iter().any(|point| point.name == record.name))
            .map(|container| container.id.clone())
            .collect();
        if !users.is_empty() {
            return Err(Error::Conflict(format!("remove {name}: volume is in use - [{}]", users.join(", "))));
        }
        self.store.remove(Table::Volume, &record.name)?;
        self.volumes.records.write().remove(&record.name);
        self.volumes.opened.lock().remove(&record.name);
        if let Err(error) = std::fs::remove_dir_all(self.volume_root(&record.name)) {
            tracing::warn!(volume = record.name, %error, "cannot be removed");
        }
        self.events.emit(Kind::Volume, "destroy", &record.name, [("driver".to_owned(), "local".to_owned())].into());
        Ok(())
    }

    /// Removes volumes nobody uses: anonymous ones, or with the filter `all` every one.
    ///
    /// # Errors
    /// For unknown filters.
    pub fn volume_prune(&self, filters: &Filters, all_by_default: bool) -> Result<PrunedVolumes> {
        filters.accept(&["all", "label", "label!", "until"])?;
        let all = filters.boolean("all")?.unwrap_or(all_by_default);
        if until(filters)?.is_some() {
            return Err(Error::Invalid("The \"until\" filter is not supported for volumes".into()));
        }
        let records: Vec<Arc<Record>> = self.volumes.records.read().values().cloned().collect();
        let mut pruned = PrunedVolumes { volumes_deleted: None, space_reclaimed: 0 };
        for record in records {
            let anonymous = record.labels.as_ref().is_some_and(|labels| labels.contains_key(ANONYMOUS));
            if !(all || anonymous) || !filters.labels(record.labels.as_ref().unwrap_or(&BTreeMap::new())) {
                continue;
            }
            let size = directory_size(&self.volume_directory(&record.name));
            if self.volume_remove(&record.name, false).is_ok() {
                pruned.space_reclaimed += size;
                pruned.volumes_deleted.get_or_insert_default().push(record.name.clone());
            }
        }
        let reclaimed = [("reclaimed".to_owned(), pruned.space_reclaimed.to_string())];
        self.events.emit(Kind::Volume, "prune", "", reclaimed.into());
        Ok(pruned)
    }

    /// Volumes with their sizes, for `system df`.
    pub(crate) fn volume_usage(&self) -> Vec<VolumeShown> {
        let records: Vec<Arc<Record>> = self.volumes.records.read().values().cloned().collect();
        records
            .iter()
            .map(|record| {
                let mut shown = self.show_volume(record);
                shown.usage_data = Some(UsageData {
                    ref_count: i64::try_from(self.volume_users(&record.name)).unwrap_or(i64::MAX),
                    size: i64::try_from(directory_size(&self.volume_directory(&record.name))).unwrap_or(i64::MAX),
                });
                shown
            })
            .collect()
    }

    fn find_volume(&self, name: &str) -> Result<Arc<Record>> {
        self.volumes.records.read().get(name).cloned().ok_or_else(|| Error::NoSuchVolume(name.to_owned()))
    }

    fn volume_users(&self, name: &str) -> usize {
        let uses = |point: &MountPoint| point.name == name;
        self.containers.all().iter().filter(|container| container.spec().mounts.iter().any(uses)).count()
    }

    fn show_volume(&self, record: &Record) -> VolumeShown {
        VolumeShown {
            created_at: record.created.rfc3339_seconds(),
            driver: "local",
            labels: record.labels.clone(),
            mountpoint: self.volume_directory(&record.name).display().to_string(),
            name: record.name.clone(),
            options: record.options.clone(),
            scope: "local",
            usage_data: None,
        }
    }

    /// Finds or makes the volume of a mount point, and fills in what inspect shows.
    pub(crate) fn volume_for_mount(&self, point: &mut MountPoint) -> Result<()> {
        let anonymous = point.name.is_empty();
        if anonymous {
            point.name = crate::id::generate();
            point.more.anonymous = true;
        }
        let mut labels = point.more.labels.clone();
        if anonymous {
            labels.insert(ANONYMOUS.into(), String::new());
        }
        let driver = DriverConfig { name: point.driver.clone(), options: Some(point.more.driver_options.clone()) };
        let labels = (!labels.is_empty()).then_some(labels);
        let record = self.make_volume(&point.name, &driver.name, labels, driver.options)?;
        point.driver = "local".into();
        point.source = self.volume_directory(&record.name).display().to_string();
        if !anonymous && point.mode.is_empty() {
            point.mode = "z".into();
        }
        Ok(())
    }

    /// A volume made for a container that is gone.
    pub(crate) fn remove_anonymous_volume(&self, name: &str) {
        if let Err(error) = self.volume_remove(name, true) {
            tracing::debug!(volume = name, %error, "kept");
        }
    }

    /// The files of a volume.
    pub(crate) fn volume_filesystem(&self, name: &str) -> Result<Arc<dyn Filesystem>> {
        let record = self.find_volume(name)?;
        let mut opened = self.volumes.opened.lock();
        if let Some(filesystem) = opened.get(name).and_then(std::sync::Weak::upgrade) {
            return Ok(filesystem);
        }
        let option =
            |key: &str| record.options.as_ref().and_then(|options| options.get(key)).cloned().unwrap_or_default();
        let device = option("device");
        let filesystem: Arc<dyn Filesystem> = match option("type").as_str() {
            "tmpfs" => {
                let size = option("o").split(',').find_map(|o| o.strip_prefix("size=").and_then(crate::log::parse_size));
                Tmpfs::new(size, 0o777)?
            }
            _ if option("o").split(',').any(|o| o == "bind" || o == "rbind") => {
                HostFs::bind(std::path::Path::new(&device)).map_err(|error| {
                    Error::System(format!(
                        "error while mounting volume '{}': failed to mount local volume: mount {device}:{}, flags: 0x1000: {}",
                        self.volume_directory(name).display(),
                        self.volume_directory(name).display(),
                        error.to_string().split(" (os").next().unwrap_or_default().to_lowercase()
                    ))
                })?
            }
            _ => {
                let directory = self.volume_directory(name);
                std::fs::create_dir_all(&directory)?;
                HostFs::volume(Dir::open_ambient_dir(directory, ambient_authority())?)?
            }
        };
        opened.insert(name.to_owned(), Arc::downgrade(&filesystem));
        Ok(filesystem)
    }
}

/// Options of the `local` driver.
fn check_options(name: &str, options: Option<&BTreeMap<String, String>>) -> Result<()> {
    let Some(options) = options else { return Ok(()) };
    if options.is_empty() {
        return Ok(());
    }
    if let Some(bad) = options.keys().find(|key| !matches!(key.as_str(), "type" | "o" | "device" | "size")) {
        return Err(Error::Invalid(format!("create {name}: invalid option: {bad:?}")));
    }
    for needed in ["device", "type"] {
        let bind = options.get("o").is_some_and(|o| o.contains("bind"));
        let given = options.contains_key(needed) || (needed == "type" && bind);
        if !given && options.contains_key("o") {
            return Err(Error::Invalid(format!("create {name}: missing required option: {needed:?}")));
        }
    }
    Ok(())
}

/// Bytes of the files below a directory.
fn directory_size(directory: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => directory_size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
