//! The attribute `#[operations]`: the operations of a resource, declared once in their signatures. The derive
//! `MergePatch`: the merge patch of a request body. The attribute `#[api_test]`: a test of the API.
mod api_test;
mod merge_patch;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{
    Attribute, DeriveInput, Error, Expr, ExprLit, FnArg, ImplItem, ImplItemFn, ItemFn, ItemImpl, Lit, LitStr,
    Meta, MetaNameValue, Pat, Path, Result, ReturnType, Token, parse_macro_input, punctuated::Punctuated,
};

/// Declares the operations of an `impl`: `#[operations(prefix_path = "/api/posts", tag = "TAG")]`.
///
/// Expands to `#[OpenApi]` of poem-openapi, which connects the methods to the router, and to an
/// implementation of `Operations`, which builds one `Operation` per method from its `#[oai]` attribute, its
/// doc comment, and the types of its arguments (`DeclareArgument`) and its result (`DeclareResponse`).
///
/// A method may also have `#[operation(…)]` with `too_large = "…"`, the hint in the 413 for a body over the limit,
/// `cached_by = "COLLECTIONS"`, a constant with the collections that invalidate its cached responses, `search = "…"`, the
/// query parameter that makes a request a search, and `unknown_query = "ignored"`, which accepts unknown query parameters.
#[proc_macro_attribute]
pub fn operations(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments =
        parse_macro_input!(arguments with Punctuated::<MetaNameValue, Token![,]>::parse_terminated);
    let item = parse_macro_input!(item as ItemImpl);
    expand(&arguments, item).unwrap_or_else(Error::into_compile_error).into()
}

/// Derives the merge patch of a request body (RFC 7396): `PostPatch` for `PostInput`.
///
/// A field `T` becomes `Option<T>`. A field `Option<T>` becomes `Patch<T>`, and `null` clears it. Defaults are removed.
/// Doc comments are copied without sentences that begin with `If omitted` or `Default`, because these describe a new
/// resource. The patch implements `From<PostInput>` (it then sets all fields) and has the example of the input.
///
/// Options of a field: `#[merge_patch(skip)]` omits it, `#[merge_patch(required)]` rejects `null` for an `Option<T>`,
/// `#[merge_patch(doc = "…")]` replaces the description.
#[proc_macro_derive(MergePatch, attributes(merge_patch))]
pub fn merge_patch(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    merge_patch::expand(&item).unwrap_or_else(Error::into_compile_error).into()
}

/// Registers a function as a test of the API: `#[api_test]`, or `#[api_test(worker_threads = 4)]` for a
/// multi-threaded runtime.
///
/// The test binary has no libtest harness, because it checks the coverage of the OpenAPI document after the
/// last test. An async function gets a runtime of its own.
#[proc_macro_attribute]
pub fn api_test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments =
        parse_macro_input!(arguments with Punctuated::<MetaNameValue, Token![,]>::parse_terminated);
    let function = parse_macro_input!(item as ItemFn);
    api_test::expand(&arguments, &function).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(arguments: &Punctuated<MetaNameValue, Token![,]>, mut item: ItemImpl) -> Result<Tokens> {
    let prefix = find(arguments, "prefix_path")?.map(|prefix| prefix.value()).unwrap_or_default();
    let tag: Path = find(arguments, "tag")?
        .ok_or_else(|| Error::new_spanned(&item.self_ty, "`tag` is missing"))?
        .parse()?;
    let mut operations = Vec::new();
    for member in &mut item.items {
        if let ImplItem::Fn(method) = member
            && let Some(oai) = attribute(&method.attrs, "oai")?
        {
            operations.push(operation(&prefix, &tag, &oai, method)?);
            method.attrs.retain(|attribute| !attribute.path().is_ident("operation"));
        }
    }
    let resource = &item.self_ty;
    Ok(quote! {
        #[::poem_openapi::OpenApi(#arguments)]
        #item

        impl crate::http::operation::Operations for #resource {
            fn operations() -> ::std::vec::Vec<crate::http::operation::Operation> {
                ::std::vec![#(#operations),*]
            }
        }
    })
}

/// Returns the expression that builds the `Operation` of one method.
fn operation(
    prefix: &str,
    tag: &Path,
    oai: &Punctuated<MetaNameValue, Token![,]>,
    method: &ImplItemFn,
) -> Result<Tokens> {
    let required = |name: &str| {
        find(oai, name)?.ok_or_else(|| Error::new_spanned(&method.sig.ident, format!("`{name}` is missing")))
    };
    let path = template(prefix, &required("path")?.value());
    let (verb, id) = (required("method")?.value().to_uppercase(), required("operation_id")?);
    let docs = docs(&method.attrs);
    let (summary, description) = docs.split_once("\n\n").unwrap_or((&docs, ""));
    let own = attribute(&method.attrs, "operation")?.unwrap_or_default();
    let too_large = find(&own, "too_large")?.map(|hint| quote! { operation.set_too_large_hint(#hint); });
    let cached_by = find(&own, "cached_by")?.map(|path| path.parse::<Path>()).transpose()?;
    let cached_by = cached_by.map(|path| quote! { operation.set_cached_by(#path); });
    let search = find(&own, "search")?.map(|parameter| quote! { operation.set_search(#parameter); });
    let unknown_query = match find(&own, "unknown_query")? {
        None => None,
        Some(rule) if rule.value() == "ignored" => Some(quote! { operation.ignore_unknown_query(); }),
        Some(rule) => return Err(Error::new_spanned(rule, "must be `ignored`")),
    };
    let arguments = method.sig.inputs.iter().filter_map(|argument| match argument {
        FnArg::Receiver(_) => None,
        FnArg::Typed(argument) => {
            let (name, description, ty) =
                (argument_name(&argument.pat), self::docs(&argument.attrs), &argument.ty);
            Some(quote! {
                <#ty as crate::http::operation::DeclareArgument>::declare(
                    &mut operation,
                    crate::http::operation::Argument { name: #name, description: #description },
                );
            })
        }
    });
    let result = match &method.sig.output {
        ReturnType::Type(_, result) => result,
        ReturnType::Default => {
            return Err(Error::new_spanned(&method.sig, "an operation must return a response"));
        }
    };
    Ok(quote! {{
        let mut operation = crate::http::operation::Operation::new(#verb, #path, #id, &#tag);
        (operation.summary, operation.description) = (#summary, #description);
        #(#arguments)*
        <#result as crate::http::operation::DeclareResponse>::declare(&mut operation);
        #too_large
        #cached_by
        #search
        #unknown_query
        operation.complete()
    }})
}

/// Joins a prefix and a path, and converts parameters to the OpenAPI syntax: `/:id` becomes `/{id}`.
fn template(prefix: &str, path: &str) -> String {
    let mut template = prefix.trim_end_matches('/').to_owned();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        match segment.strip_prefix(':') {
            Some(name) => template.push_str(&format!("/{{{name}}}")),
            None => template.push_str(&format!("/{segment}")),
        }
    }
    template
}

/// Returns the text of a doc comment, as poem-openapi reads it.
pub(crate) fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(MetaNameValue {
            path,
            value: Expr::Lit(ExprLit { lit: Lit::Str(line), .. }),
            ..
        }) if path.is_ident("doc") => Some(line.value().trim().to_owned()),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn argument_name(pattern: &Pat) -> String {
    match pattern {
        Pat::Ident(name) => name.ident.to_string(),
        _ => String::new(),
    }
}

/// Returns the `name = value` pairs of an attribute.
fn attribute(attributes: &[Attribute], name: &str) -> Result<Option<Punctuated<MetaNameValue, Token![,]>>> {
    let found = attributes.iter().find(|attribute| attribute.path().is_ident(name));
    found.map(|attribute| attribute.parse_args_with(Punctuated::parse_terminated)).transpose()
}

/// Returns the string with this name.
fn find(pairs: &Punctuated<MetaNameValue, Token![,]>, name: &str) -> Result<Option<LitStr>> {
    let Some(pair) = pairs.iter().find(|pair| pair.path.is_ident(name)) else { return Ok(None) };
    match &pair.value {
        Expr::Lit(ExprLit { lit: Lit::Str(value), .. }) => Ok(Some(value.clone())),
        value => Err(Error::new_spanned(value, "must be a string")),
    }
}
