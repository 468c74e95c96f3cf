//! What a path of the API asks for.

/// `/apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUB`, each part as far as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    /// Empty for the core group.
    pub(super) group: String,
    pub(super) version: String,
    pub(super) namespace: Option<String>,
    pub(super) plural: String,
    pub(super) name: Option<String>,
    pub(super) sub: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Version,
    Healthy,
    /// `/api`
    Core,
    /// `/apis`
    Groups,
    Group(String),
    /// The folder of a group version below `kube/`.
    GroupVersion(String),
    Resource(Resource),
    Unknown,
}

impl Resource {
    /// The folder of the group version below `kube/`.
    pub(super) fn folder(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `ippools.crd.projectcalico.org`
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}

impl Route {
    /// `path` is decoded.
    pub(super) fn parse(path: &str) -> Route {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            ["version"] => Route::Version,
            ["healthz" | "readyz" | "livez", ..] => Route::Healthy,
            ["api"] => Route::Core,
            ["apis"] => Route::Groups,
            ["apis", group] => Route::Group(group.to_string()),
            ["api", version] => Route::GroupVersion(version.to_string()),
            ["apis", group, version] => Route::GroupVersion(format!("{group}/{version}")),
            ["api", version, rest @ ..] => resource("", version, rest),
            ["apis", group, version, rest @ ..] => resource(group, version, rest),
            _ => Route::Unknown,
        }
    }
}

fn resource(group: &str, version: &str, rest: &[&str]) -> Route {
    let (namespace, rest) = match rest {
        ["namespaces", _, "status" | "finalize"] => (None, rest),
        ["namespaces", ns, rest @ ..] if !rest.is_empty() => (Some(ns.to_string()), rest),
        _ => (None, rest),
    };
    let [plural, rest @ ..] = rest else {
        return Route::Unknown;
    };
    let (name, sub) = match rest {
        [] => (None, None),
        [name] => (Some(name), None),
        [name, sub] => (Some(name), Some(sub)),
        _ => return Route::Unknown,
    };
    let own = |s: Option<&&str>| s.map(|s| s.to_string());
    Route::Resource(Resource {
        group: group.into(),
        version: version.into(),
        namespace,
        plural: plural.to_string(),
        name: own(name),
        sub: own(sub),
    })
}
