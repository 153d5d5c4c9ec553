//! Expansion of `#[api_test]`.
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{Error, Expr, ItemFn, MetaNameValue, Result, Token, punctuated::Punctuated};

pub fn expand(arguments: &Punctuated<MetaNameValue, Token![,]>, function: &ItemFn) -> Result<Tokens> {
    let ItemFn { attrs, sig, block, .. } = function;
    let workers = worker_threads(arguments)?;
    let name = &sig.ident;
    let body = match (&sig.asyncness, workers) {
        (Some(_), Some(workers)) => quote! { crate::harness::block_on_workers(#workers, async move #block) },
        (Some(_), None) => quote! { crate::harness::block_on(async move #block) },
        (None, Some(workers)) => return Err(Error::new_spanned(workers, "the function is not async")),
        (None, None) => quote! { #block },
    };
    Ok(quote! {
        #(#attrs)*
        fn #name() {
            #body
        }

        ::inventory::submit! {
            crate::harness::ApiTest { path: ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)), run: #name }
        }
    })
}

/// Returns the value of the only argument.
fn worker_threads(arguments: &Punctuated<MetaNameValue, Token![,]>) -> Result<Option<&Expr>> {
    match arguments.first() {
        None => Ok(None),
        Some(pair) if pair.path.is_ident("worker_threads") && arguments.len() == 1 => Ok(Some(&pair.value)),
        Some(_) => Err(Error::new_spanned(arguments, "must be `worker_threads = …` or empty")),
    }
}
