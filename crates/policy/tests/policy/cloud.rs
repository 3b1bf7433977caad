use quadzero_policy::Cloud;

#[test]
fn names_every_kms_host() {
    let listed: Vec<String> = Cloud::ALL
        .iter()
        .flat_map(|cloud| cloud.kms())
        .map(|host| format!("{} {}", host.address, host.hosts.join(" ")))
        .collect();
    insta::assert_snapshot!(listed.join("\n"), @r"
    20.118.99.224 azkms.core.windows.net
    40.83.235.53 azkms.core.windows.net
    23.102.135.246 kms.core.windows.net
    23.97.0.13 kms.core.usgovcloudapi.net
    52.126.105.2 azkms.core.usgovcloudapi.net
    159.27.28.100 azkms.core.chinacloudapi.cn
    163.228.64.161 azkms.core.chinacloudapi.cn
    42.159.7.249 kms.core.chinacloudapi.cn
    ");
}
