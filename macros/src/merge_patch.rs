//! The derive `MergePatch`.
use proc_macro2::TokenStream as Tokens;
use quote::{ToTokens, format_ident, quote};
use syn::{
    Attribute, Data, DeriveInput, Error, Field, Fields, GenericArgument, LitStr, Meta, PathArguments, Result,
    Token, Type, punctuated::Punctuated,
};

use super::docs;

pub fn expand(item: &DeriveInput) -> Result<Tokens> {
    let (input, visibility) = (&item.ident, &item.vis);
    let name = input.to_string();
    let base = name.strip_suffix("Input");
    let base = base.ok_or_else(|| Error::new_spanned(input, "the name must end in `Input`"))?;
    let patch = format_ident!("{base}Patch");
    let Data::Struct(data) = &item.data else { return Err(Error::new_spanned(input, "must be a struct")) };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(input, "must have named fields"));
    };
    let mut container = oai(&item.attrs, &["rename", "skip_serializing_if_is_none"])?;
    container.push(quote!(skip_serializing_if_is_none));
    let fields = fields.named.iter().map(PatchField::new).collect::<Result<Vec<_>>>()?;
    let fields: Vec<_> = fields.into_iter().flatten().collect();
    let declarations = fields.iter().map(|field| &field.declaration);
    let conversions = fields.iter().map(|field| &field.conversion);
    let description = match fields.iter().any(|field| field.nullable) {
        true => "A merge patch (RFC 7396): omitted fields are unchanged, `null` clears a field.",
        false => "A merge patch (RFC 7396): omitted fields are unchanged.",
    };
    Ok(quote! {
        #[doc = #description]
        #[derive(Debug, Clone, ::poem_openapi::Object)]
        #[oai(#(#container),*)]
        #visibility struct #patch {
            #(#declarations),*
        }

        impl ::std::convert::From<#input> for #patch {
            fn from(input: #input) -> Self {
                Self { #(#conversions),* }
            }
        }

        impl ::poem_openapi::types::Example for #patch {
            fn example() -> Self {
                Self::from(<#input as ::poem_openapi::types::Example>::example())
            }
        }
    })
}

struct PatchField {
    declaration: Tokens,
    /// The field in the conversion from the input.
    conversion: Tokens,
    /// Whether `null` clears the field.
    nullable: bool,
}

impl PatchField {
    /// Returns the field of the patch, unless it is skipped.
    fn new(field: &Field) -> Result<Option<Self>> {
        let (name, visibility, ty) = (&field.ident, &field.vis, &field.ty);
        let (mut skip, mut required, mut description) = (false, false, None);
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("merge_patch")) {
            attribute.parse_nested_meta(|option| {
                if option.path.is_ident("skip") {
                    skip = true;
                } else if option.path.is_ident("required") {
                    required = true;
                } else if option.path.is_ident("doc") {
                    description = Some(option.value()?.parse::<LitStr>()?.value());
                } else {
                    return Err(option.error("must be `skip`, `required` or `doc`"));
                }
                Ok(())
            })?;
        }
        if skip && (required || description.is_some()) {
            return Err(Error::new_spanned(field, "`skip` excludes `required` and `doc`"));
        }
        if required && optional(ty).is_none() {
            return Err(Error::new_spanned(field, "`required` requires a field of type `Option`"));
        }
        if skip {
            return Ok(None);
        }
        let (ty, conversion, nullable) = match optional(ty) {
            Some(_) if required => (quote!(#ty), quote!(#name: input.#name), false),
            Some(inner) => {
                let patch = quote!(crate::http::merge_patch::Patch);
                (quote!(#patch<#inner>), quote!(#name: #patch::from(input.#name)), true)
            }
            None => {
                let option = quote!(::std::option::Option);
                (quote!(#option<#ty>), quote!(#name: #option::Some(input.#name)), false)
            }
        };
        let description = description.unwrap_or_else(|| describe(&docs(&field.attrs), nullable));
        let oai = oai(&field.attrs, &["default"])?;
        let oai = (!oai.is_empty()).then(|| quote!(#[oai(#(#oai),*)]));
        let declaration = quote!(#[doc = #description] #oai #visibility #name: #ty);
        Ok(Some(PatchField { declaration, conversion, nullable }))
    }
}

/// Returns the arguments of `#[oai]`, without those named in `removed`.
fn oai(attributes: &[Attribute], removed: &[&str]) -> Result<Vec<Tokens>> {
    let mut arguments = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("oai")) {
        let all = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?;
        let retained =
            all.iter().filter(|argument| !removed.iter().any(|name| argument.path().is_ident(name)));
        arguments.extend(retained.map(ToTokens::to_token_stream));
    }
    Ok(arguments)
}

/// Returns `T` of an `Option<T>`.
fn optional(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(inner)) => Some(inner),
        _ => None,
    }
}

/// Returns the description of a field of the patch.
fn describe(docs: &str, nullable: bool) -> String {
    let text = docs.replace('\n', " ");
    let sentences = text.trim_end_matches('.').split(". ");
    let retained: Vec<_> =
        sentences.filter(|it| !it.starts_with("If omitted") && !it.starts_with("Default")).collect();
    let null = if nullable { " `null` clears it." } else { "" };
    format!("{}.{null}", retained.join(". "))
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::parse2;

    use super::*;

    fn error(field: Tokens) -> Option<String> {
        let item = parse2(quote!(struct ShelfInput { #field }));
        item.and_then(|item| expand(&item)).err().map(|error| error.to_string())
    }

    #[test]
    fn rejects_options_without_effect() {
        let cases = [
            (quote!(#[merge_patch(required)] room: String), "`required` requires a field of type `Option`"),
            (quote!(#[merge_patch(skip, doc = "A")] room: String), "`skip` excludes `required` and `doc`"),
            (
                quote!(#[merge_patch(skip, required)] room: Option<String>),
                "`skip` excludes `required` and `doc`",
            ),
            (quote!(#[merge_patch(other)] room: String), "must be `skip`, `required` or `doc`"),
        ];
        for (field, message) in cases {
            assert_eq!(error(field).as_deref(), Some(message));
        }
        assert_eq!(error(quote!(#[merge_patch(required, doc = "A")] room: Option<String>)), None);
    }
}
