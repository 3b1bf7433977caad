use crate::{exceptions, net, origination, policy};
use quadzero_codec::NextHop;
use quadzero_policy::{ExceptionMode, ExceptionSet, Origination, Policy, Template};

fn error(originations: &[Origination], exceptions: &[ExceptionSet]) -> String {
    Policy::new(originations.to_vec(), exceptions.to_vec()).expect_err("no policy").to_string()
}

#[test]
fn platform_addresses_are_never_announced() {
    for prefix in ["168.63.129.16/32", "169.254.169.254/32", "169.254.0.0/16", "169.254.21.0/24"] {
        let announced = exceptions("wire", &[prefix], ExceptionMode::Announce(Template::default()));
        let routed = exceptions("wire", &[prefix], ExceptionMode::Udr);
        for error in
            [error(&[origination("wire", prefix)], &[]), error(&[], &[announced]), error(&[], &[routed])]
        {
            assert!(error.contains(prefix) && error.contains("platform"), "{error}");
        }
    }
    insta::assert_snapshot!(error(&[origination("imds", "169.254.169.254/32")], &[]), @r#""imds": 169.254.169.254/32 must not be announced or routed elsewhere: 169.254.0.0/16 belongs to Azure's platform, which reaches it without your help"#);
}

#[test]
fn a_prefix_with_host_bits_is_an_error() {
    insta::assert_snapshot!(error(&[origination("datacenter", "10.1.2.3/8")], &[]), @r#""datacenter": 10.1.2.3/8 has bits set beyond its length; did you mean 10.0.0.0/8?"#);
}

#[test]
fn a_next_hop_is_of_the_family_of_its_prefix() {
    let template = Template { next_hop: NextHop::Address([192, 0, 2, 1].into()), ..Template::default() };
    let default = Origination { template: template.clone(), ..origination("default", "::/0") };
    insta::assert_snapshot!(error(&[default], &[]), @r#""default": the next hop 192.0.2.1 cannot be said of ::/0, which is of the other address family"#);
    let exception =
        exceptions("kms", &["20.118.99.224/32", "2001:db8::1/128"], ExceptionMode::Announce(template));
    assert!(error(&[], &[exception]).contains("2001:db8::1/128"));
}

#[test]
fn originations_may_share_a_name_but_an_exception_set_has_its_own() {
    policy(&[origination("default", "0.0.0.0/0"), origination("default", "::/0")], &[]);
    let kms = || crate::kms(ExceptionMode::Udr);
    insta::assert_snapshot!(error(&[], &[kms(), kms()]), @r#"two things are called "kms": an exception set needs a name of its own"#);
    insta::assert_snapshot!(error(&[origination("kms", "0.0.0.0/0")], &[kms()]), @r#"two things are called "kms": an exception set needs a name of its own"#);
}

#[test]
fn a_prefix_is_given_once() {
    let default = origination("default", "0.0.0.0/0");
    insta::assert_snapshot!(error(&[default.clone(), default], &[]), @r#""default" holds 0.0.0.0/0 twice"#);
    let twice = exceptions("kms", &["20.118.99.224/32"; 2], ExceptionMode::Udr);
    assert!(error(&[], &[twice]).contains("twice"));
}

#[test]
fn an_exception_set_holds_something() {
    insta::assert_snapshot!(error(&[], &[exceptions("kms", &[], ExceptionMode::Udr)]), @r#"exception set "kms" holds no prefix"#);
}

#[test]
fn what_must_not_be_announced_may_be_carved_out() {
    let hole = exceptions("linklocal", &["169.254.0.0/16"], ExceptionMode::CarveOut);
    let policy = policy(&[origination("default", "0.0.0.0/0")], &[hole]);
    let told = crate::told(&policy, &crate::gateway());
    assert!(!told.iter().any(|piece| piece.contains(&net("169.254.0.0/16"))));
    assert_eq!(told.len(), 16);
}
