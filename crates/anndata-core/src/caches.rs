//! What an object keeps beside its value, made on first use.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use anndata_storage::{Error, Result};

use crate::NameIndex;

/// The name index of a frame, built on first use. It is not part of the frame's value.
#[derive(Clone, Default)]
pub(crate) struct NameCache(Arc<OnceLock<Arc<NameIndex>>>);

impl NameCache {
    /// The name index; made by a function where there is none yet.
    ///
    /// # Errors
    /// If the function fails.
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> Result<NameIndex>) -> Result<Arc<NameIndex>> {
        if let Some(names) = self.0.get() {
            return Ok(Arc::clone(names));
        }
        let names = Arc::new(make()?);
        Ok(Arc::clone(self.0.get_or_init(|| names)))
    }
}

impl fmt::Debug for NameCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "built" } else { "not built" })
    }
}

impl PartialEq for NameCache {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The namespaces of one object. A clone has none: it is for another object.
#[derive(Default)]
pub(crate) struct Namespaces(RwLock<HashMap<&'static str, Kept>>);

struct Kept {
    id: TypeId,
    type_name: &'static str,
    namespace: Arc<dyn Any + Send + Sync>,
}

impl Clone for Namespaces {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Namespaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(kept.keys()).finish()
    }
}

impl Kept {
    fn get<T: Any + Send + Sync>(&self, name: &str) -> Result<Arc<T>> {
        match Arc::clone(&self.namespace).downcast::<T>() {
            Ok(namespace) if self.id == TypeId::of::<T>() => Ok(namespace),
            _ => Err(Error::already_exists(format!(
                "two namespaces have the name '{name}': {} and {}",
                self.type_name,
                type_name::<T>()
            ))),
        }
    }
}

impl Namespaces {
    /// The namespace of a name, if there is one.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if it is of another type.
    pub(crate) fn get<T: Any + Send + Sync>(&self, name: &str) -> Result<Option<Arc<T>>> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(name).map(|kept| kept.get(name)).transpose()
    }

    /// Keeps a namespace, or gives the one that another thread has kept in the meantime.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) fn keep<T: Any + Send + Sync>(&self, name: &'static str, namespace: Arc<T>) -> Result<Arc<T>> {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let new = || Kept { id: TypeId::of::<T>(), type_name: type_name::<T>(), namespace };
        kept.entry(name).or_insert_with(new).get(name)
    }
}
