//! Which file of a crate uses names that another file defines.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, ItemMod, ItemUse, Macro, Visibility};

use super::modules::{Crate, ItemPath, bindings, is_for_tests};

/// The names that one file uses of another.
pub(super) type Imports = BTreeMap<(usize, usize), BTreeSet<String>>;

/// Every use of another file's names. `mod` and `pub use` do not count, nor does what only tests compile.
pub(super) fn imports(of: &Crate) -> Imports {
    let mut found = Imports::new();
    for (file, source) in of.files.iter().enumerate() {
        let mut paths = Paths {
            module: source.module.clone(),
            found: Vec::new(),
        };
        source.items.iter().for_each(|item| paths.visit_item(item));
        for (module, path) in paths.found {
            if let Some(other) = of
                .defining_file(&module, &path)
                .filter(|other| *other != file)
            {
                let name = path.last().cloned().unwrap_or_default();
                found.entry((file, other)).or_default().insert(name);
            }
        }
    }
    found
}

/// Glob imports of other modules of the crate, as `file: path`.
pub(super) fn globs(of: &Crate) -> Vec<String> {
    let mut found = Vec::new();
    for source in &of.files {
        for item in &source.items {
            let Item::Use(one) = item else { continue };
            for (name, path) in bindings(&one.tree) {
                let is_ours = path
                    .first()
                    .is_some_and(|first| ["crate", "self", "super"].contains(&first.as_str()));
                if name.is_none() && is_ours {
                    found.push(format!(
                        "{}: use {}::*",
                        source.path.display(),
                        path.join("::")
                    ));
                }
            }
        }
    }
    found
}

struct Paths {
    module: ItemPath,
    found: Vec<(ItemPath, ItemPath)>,
}

impl Paths {
    fn push(&mut self, path: ItemPath) {
        // A path of nothing but these is a value or a module, no name of a file.
        let is_bare = path
            .iter()
            .all(|name| ["crate", "self", "super"].contains(&name.as_str()));
        if !is_bare {
            self.found.push((self.module.clone(), path));
        }
    }

    /// Arguments of macros are not parsed: every `a::b` among their tokens is a path.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = ItemPath::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.push(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.push(std::mem::take(&mut path));
                    colons = 0;
                    self.tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.push(std::mem::take(&mut path));
                    colons = 0;
                }
            }
        }
        self.push(path);
    }
}

impl Visit<'_> for Paths {
    fn visit_item(&mut self, item: &Item) {
        if !is_for_tests(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &ItemMod) {
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_use(&mut self, one: &ItemUse) {
        if matches!(one.vis, Visibility::Inherited) {
            for (_, path) in bindings(&one.tree) {
                self.push(path);
            }
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let names = path.segments.iter().map(|one| one.ident.to_string());
        self.push(names.collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, one: &Macro) {
        self.tokens(one.tokens.clone());
        visit::visit_macro(self, one);
    }
}
