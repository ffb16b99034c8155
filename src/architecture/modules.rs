//! The source files of a crate as a tree of modules, and the file that defines each name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::{Item, UseTree, Visibility};

/// Names from the root of the crate to a module or an item, without `crate`.
pub(super) type ItemPath = Vec<String>;

/// What a name inside a module stands for.
#[derive(Debug, Clone)]
enum Name {
    /// Something that the module's own file defines.
    Defined,
    /// Another path, by `use` or `pub use`; it may lead out of the crate.
    Use(ItemPath),
}

#[derive(Debug, Default)]
struct Module {
    file: usize,
    /// Modules have names of their own: a function may be called like its module.
    children: BTreeSet<String>,
    names: BTreeMap<String, Name>,
    globs: Vec<ItemPath>,
}

impl Module {
    /// A path that begins with a name of this module, from the root of the crate; any other as it is.
    fn inside(&self, own: &[String], path: &[String]) -> ItemPath {
        let Some(first) = path.first() else {
            return ItemPath::new();
        };
        if self.children.contains(first) {
            return from_root(own, path);
        }
        match self.names.get(first) {
            Some(Name::Defined) => from_root(own, path),
            Some(Name::Use(target)) if target != path => [target, &path[1..]].concat(),
            Some(Name::Use(_)) | None => path.to_vec(),
        }
    }
}

/// One source file, parsed, without what only tests compile.
pub(super) struct SourceFile {
    /// The path below the folder of the crate's root file.
    pub(super) path: PathBuf,
    /// The module that the file holds.
    pub(super) module: ItemPath,
    /// Its items; nested modules without a file of their own are among them.
    pub(super) items: Vec<Item>,
}

/// A crate, read from its root file.
pub(super) struct Crate {
    /// Every file that is compiled without tests.
    pub(super) files: Vec<SourceFile>,
    modules: BTreeMap<ItemPath, Module>,
}

impl Crate {
    /// Reads the crate whose root is that file, e.g. `src/lib.rs`. Panics where a file is missing or is no Rust.
    pub(super) fn read(root: &Path) -> Self {
        let mut found = Self {
            files: Vec::new(),
            modules: BTreeMap::new(),
        };
        let folder = root.parent().expect("a root file has a folder");
        found.add_file(folder, root, Vec::new());
        found
    }

    fn add_file(&mut self, folder: &Path, path: &Path, module: ItemPath) {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let parsed =
            syn::parse_file(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let items: Vec<Item> = parsed
            .items
            .into_iter()
            .filter(|item| !is_for_tests(item))
            .collect();
        let file = self.files.len();
        self.files.push(SourceFile {
            path: path
                .strip_prefix(folder)
                .expect("files lie below the root")
                .to_owned(),
            module: module.clone(),
            items: items.clone(),
        });
        self.add_module(folder, file, &module, &items);
    }

    fn add_module(&mut self, folder: &Path, file: usize, module: &[String], items: &[Item]) {
        let mut own = Module {
            file,
            ..Module::default()
        };
        for item in items {
            match item {
                Item::Mod(child) => {
                    own.children.insert(child.ident.to_string());
                    let inside = joined(module, &child.ident.to_string());
                    match &child.content {
                        Some((_, items)) => {
                            let items: Vec<Item> = items
                                .iter()
                                .filter(|item| !is_for_tests(item))
                                .cloned()
                                .collect();
                            self.add_module(folder, file, &inside, &items);
                        }
                        None => {
                            let below = folder.join(inside.join("/"));
                            let flat = below.with_extension("rs");
                            let file = if flat.is_file() {
                                flat
                            } else {
                                below.join("mod.rs")
                            };
                            self.add_file(folder, &file, inside);
                        }
                    }
                }
                Item::Use(one) => {
                    for (name, path) in bindings(&one.tree) {
                        let path = absolute(module, path);
                        match name {
                            Some(name) => drop(own.names.insert(name, Name::Use(path))),
                            None if matches!(one.vis, Visibility::Inherited) => {}
                            None => own.globs.push(path),
                        }
                    }
                }
                other => {
                    for name in names_of(other) {
                        own.names.insert(name, Name::Defined);
                    }
                }
            }
        }
        self.modules.insert(module.to_vec(), own);
    }

    /// The file that defines what a path inside that module leads to; `None` for a module and for what lies outside the crate.
    pub(super) fn defining_file(&self, module: &[String], path: &[String]) -> Option<usize> {
        let first = path.first()?;
        if ["crate", "self", "super"].contains(&first.as_str()) {
            return self.resolve(&absolute(module, path.to_vec()), 0);
        }
        let own = self.modules.get(module)?;
        let is_own = own.names.contains_key(first) || own.children.contains(first);
        is_own.then(|| self.resolve(&from_root(module, path), 0))?
    }

    fn resolve(&self, path: &[String], depth: usize) -> Option<usize> {
        const DEPTH_MAX: usize = 20;
        let (_, path) = path
            .split_first()
            .filter(|(first, _)| *first == "crate" && depth <= DEPTH_MAX)?;
        let mut module = ItemPath::new();
        for (n, name) in path.iter().enumerate() {
            let own = self.modules.get(&module)?;
            let is_last = n + 1 == path.len();
            if own.children.contains(name) && !(is_last && own.names.contains_key(name)) {
                module.push(name.clone());
                continue;
            }
            match own.names.get(name) {
                Some(Name::Defined) => return Some(own.file),
                Some(Name::Use(target)) => {
                    let target = own.inside(&module, target);
                    return self.resolve(&[&target, &path[n + 1..]].concat(), depth + 1);
                }
                None => {
                    let through = |glob: &ItemPath| {
                        self.resolve(
                            &[&own.inside(&module, glob), &path[n..]].concat(),
                            depth + 1,
                        )
                    };
                    // What no item of the file names is made by a macro of it.
                    return own.globs.iter().find_map(through).or(Some(own.file));
                }
            }
        }
        None
    }
}

fn joined(module: &[String], name: &str) -> ItemPath {
    let mut path = module.to_vec();
    path.push(name.to_owned());
    path
}

/// A path inside a module of the crate.
fn from_root(module: &[String], path: &[String]) -> ItemPath {
    [&["crate".to_owned()], module, path].concat()
}

/// The path from the crate's root; a path that leads out of the crate is left as it is.
fn absolute(module: &[String], path: ItemPath) -> ItemPath {
    let mut base = module.to_vec();
    let mut rest = path.as_slice();
    let mut is_inside = false;
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => drop(base.pop()),
            _ => break,
        }
        is_inside = true;
        rest = after;
    }
    if is_inside {
        from_root(&base, rest)
    } else {
        path
    }
}

/// The names that a `use` brings in, each with its path; `None` for a glob.
pub(super) fn bindings(tree: &UseTree) -> Vec<(Option<String>, ItemPath)> {
    fn below(tree: &UseTree, before: &[String], found: &mut Vec<(Option<String>, ItemPath)>) {
        match tree {
            UseTree::Path(path) => {
                below(&path.tree, &joined(before, &path.ident.to_string()), found)
            }
            UseTree::Name(name) if name.ident == "self" => {
                found.push((before.last().cloned(), before.to_vec()))
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                found.push((Some(name.clone()), joined(before, &name)));
            }
            UseTree::Rename(name) if name.ident == "self" => {
                found.push((Some(name.rename.to_string()), before.to_vec()))
            }
            UseTree::Rename(name) => {
                found.push((
                    Some(name.rename.to_string()),
                    joined(before, &name.ident.to_string()),
                ));
            }
            UseTree::Glob(_) => found.push((None, before.to_vec())),
            UseTree::Group(group) => group.items.iter().for_each(|one| below(one, before, found)),
        }
    }
    let mut found = Vec::new();
    below(tree, &[], &mut found);
    found
}

fn names_of(item: &Item) -> Vec<String> {
    let name = match item {
        Item::Const(one) => &one.ident,
        Item::Enum(one) => &one.ident,
        Item::Fn(one) => &one.sig.ident,
        Item::Macro(one) => match &one.ident {
            Some(ident) => ident,
            None => return Vec::new(),
        },
        Item::Static(one) => &one.ident,
        Item::Struct(one) => &one.ident,
        Item::Trait(one) => &one.ident,
        Item::Type(one) => &one.ident,
        Item::Union(one) => &one.ident,
        _ => return Vec::new(),
    };
    vec![name.to_string()]
}

/// Whether an item is compiled for tests only.
pub(super) fn is_for_tests(item: &Item) -> bool {
    let attributes = match item {
        Item::Const(one) => &one.attrs,
        Item::Enum(one) => &one.attrs,
        Item::Fn(one) => &one.attrs,
        Item::Impl(one) => &one.attrs,
        Item::Macro(one) => &one.attrs,
        Item::Mod(one) => &one.attrs,
        Item::Static(one) => &one.attrs,
        Item::Struct(one) => &one.attrs,
        Item::Trait(one) => &one.attrs,
        Item::Type(one) => &one.attrs,
        Item::Use(one) => &one.attrs,
        _ => return false,
    };
    attributes.iter().any(|one| {
        one.path().is_ident("cfg")
            && one
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}
