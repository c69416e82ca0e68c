/** placeholder */
export interface Op { readonly kind: string }
